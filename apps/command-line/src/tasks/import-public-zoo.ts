/** @file What `weightspace import-zoo` does. */
import { relative } from 'node:path';

import {
  commitText,
  formatSeconds,
  gitState,
  listenForInterrupt,
  Output,
  startProgress,
  Stopwatch,
} from '@weightspace/experiment';
import { openMixedZoo, SPLITS, workerExecutor } from '@weightspace/zoo';
import { importZoo } from '@weightspace/zoo-import';
import type { ImportReport, Shares } from '@weightspace/zoo-import';

import { EXIT } from '../exit.ts';
import { count } from './table.ts';

export interface ImportSettings {
  readonly to: string;
  readonly epochs?: readonly number[];
  readonly final: boolean;
  readonly runs?: number;
  readonly split?: string;
  readonly ownSplit: boolean;
  readonly shares?: Shares;
  readonly seed: number;
  readonly skipBroken: boolean;
  readonly threads?: number;
  readonly resume: boolean;
  readonly quiet: boolean;
}

const INTERRUPTED = 130;

/** @returns the exit code */
export async function importPublicZoo(format: string, folder: string, settings: ImportSettings): Promise<number> {
  const { split: splitFile, threads, quiet, ...options } = settings;
  const output = new Output(process, quiet);
  const interrupt = listenForInterrupt((by) =>
    output.warn(`${by}: finishing the shards under way; a second one stops at once`),
  );
  const executor = workerExecutor(threads);
  const watch = new Stopwatch();
  const commit = commitText(gitState());
  let progress: ReturnType<typeof startProgress> | undefined;
  const show = (label: string, done: number, total: number, before = 0) => {
    if (done === 0 && before === 0) return;
    progress ??= startProgress(output, { label, total, unit: 'networks', done: before });
    progress.update(done);
  };
  try {
    const report = await importZoo({
      format,
      folder,
      ...options,
      executor,
      signal: interrupt.signal,
      ...(splitFile === undefined ? {} : { splitFile }),
      ...(commit === null ? {} : { commit }),
      onRows: (rows, of) => {
        show('check', rows, of);
        if (rows === of) progress = void progress?.stop();
      },
      onProgress: ({ rows, totalRows, resumedRows }) => show('write', rows, totalRows, resumedRows),
    });
    progress?.stop();
    for (const message of report.broken) output.warn(`left out: ${message}`);
    if (!report.done) {
      output.say('stopped; go on with --resume');
      return INTERRUPTED;
    }
    output.say(`${await describe(settings.to, report)}; took ${formatSeconds(watch.seconds)}`);
    output.result(relative('.', settings.to));
    return EXIT.done;
  } finally {
    interrupt.release();
    await executor.close();
  }
}

async function describe(path: string, report: ImportReport): Promise<string> {
  const zoo = await openMixedZoo(path, { verify: 'size' });
  const accuracy = [...zoo.target('test-accuracy').data].filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const parts = SPLITS.map((part) => `${count(zoo.rowsOf(part).length)} ${part}`).join(', ');
  zoo.close();
  const at = (share: number) =>
    (accuracy[Math.min(accuracy.length - 1, Math.floor(share * accuracy.length))] ?? NaN).toFixed(3);
  const out = [
    `${count(report.rows)} networks of ${count(report.runs)} runs and ${count(report.architectures)} architectures`,
    `${parts} (${report.split} split by run)`,
    `test accuracy ${at(0)} to ${at(1)}, median ${at(0.5)}`,
  ];
  if (report.notFinite > 0) out.push(`${count(report.notFinite)} left out from where a run was no longer finite`);
  if (report.broken.length > 0) out.push(`${count(report.broken.length)} broken runs left out`);
  return out.join('; ');
}
