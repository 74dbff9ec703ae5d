/** @file Where a run is tracked: in files, or on a server with a journal in between. */
import { randomUUID } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { checkKey, cut, LIMITS, metricValue } from './entry.ts';
import type { Entry, StartEntry } from './entry.ts';
import { FileStore } from './file-store.ts';
import { Journal } from './journal.ts';
import { MlflowClient } from './mlflow-client.ts';
import { sendJournal } from './send.ts';
import { TrackingError } from './tracking-error.ts';
import type { StartOptions, TrackingRun } from './tracking-run.ts';

export const JOURNAL_FOLDER = join('mlruns', '.journal');

/**
 * Starts a run, or goes on with one.
 *
 * @throws {TrackingError} when the address isn't one, or the run to go on with isn't there
 */
export function startRun(options: StartOptions): TrackingRun {
  const uri = options.uri ?? process.env['MLFLOW_TRACKING_URI'] ?? '';
  const warn = options.warn ?? ((text) => process.emitWarning(text));
  return /^https?:/.test(uri) ? serverRun(uri, options, warn) : fileRun(storeFolder(uri), options);
}

/** @throws {TrackingError} on a kind of address that there is no client for */
function storeFolder(uri: string): string {
  if (uri === '') return 'mlruns';
  if (uri.startsWith('file:')) return uri.startsWith('file:/') ? fileURLToPath(uri) : uri.slice('file:'.length);
  if (/^[a-z][a-z0-9+.-]+:/i.test(uri)) {
    throw new TrackingError('MLFLOW_TRACKING_URI', {
      expected: 'http://…, https://…, file:… or a folder',
      found: uri,
      remedy: 'start `mlflow server` on that store and give its address',
    });
  }
  return uri;
}

const startEntry = ({ experiment, runName, tags = {} }: StartOptions): StartEntry => ({
  kind: 'start',
  experiment,
  runName,
  startTime: Date.now(),
  tags,
});

function fileRun(root: string, options: StartOptions): TrackingRun {
  const store = new FileStore(root);
  const id = options.resume ?? store.start(startEntry(options));
  if (options.resume !== undefined) store.reopen(id);
  return {
    id,
    location: store.folderOf(id),
    ...entriesTo((entries) => entries.forEach((entry) => store.write(id, entry as Exclude<Entry, StartEntry>))),
    end: (status) => Promise.resolve(store.write(id, { kind: 'end', status, endTime: Date.now() })),
  };
}

/** Waits between tries: from a quarter of a second, doubling to half a minute, each by up to a half more. */
const FIRST_WAIT = 250;
const LONGEST_WAIT = 30_000;
/** Entries come in bursts; so long the sender waits for more. */
const GATHER = 200;
/** How long the end of a run waits for a server that doesn't answer, in milliseconds. */
const PATIENCE = 10_000;

function serverRun(uri: string, options: StartOptions, warn: (text: string) => void): TrackingRun {
  const client = new MlflowClient(uri);
  const folder = resolve(options.journalFolder ?? JOURNAL_FOLDER);
  const journal = new Journal(folder, options.resume ?? randomUUID().replaceAll('-', ''));
  if (options.resume !== undefined && !journal.exists) {
    throw new TrackingError(folder, {
      expected: `the journal of run ${options.resume}`,
      found: 'no such file',
      remedy: 'start a new run',
    });
  }
  if (options.resume === undefined) journal.append([startEntry(options)]);
  const sender = new Sender(journal, client, uri, warn);
  const add = (entries: readonly Entry[]) => {
    journal.append(entries);
    sender.wake();
  };
  if (options.resume !== undefined) add([{ kind: 'end', status: 'RUNNING', endTime: 0 }]);
  sender.wake();
  return {
    id: journal.name,
    location: uri,
    ...entriesTo(add),
    async end(status) {
      add([{ kind: 'end', status, endTime: Date.now() }]);
      const done = await sender.finish(PATIENCE);
      if (!done)
        warn(
          `the tracking server ${uri} doesn't have all of run ${journal.name}; nothing is lost: send it later with \`npx nx run tracking:push\``,
        );
    },
  };
}

/** Sends in the background, one call at a time, and tries again while the server is away. */
class Sender {
  readonly #journal: Journal;
  readonly #client: MlflowClient;
  readonly #uri: string;
  readonly #warn: (text: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #busy: Promise<void> | undefined;
  #failures = 0;
  #warned = false;

  constructor(journal: Journal, client: MlflowClient, uri: string, warn: (text: string) => void) {
    this.#journal = journal;
    this.#client = client;
    this.#uri = uri;
    this.#warn = warn;
  }

  wake(): void {
    this.#schedule(this.#failures === 0 ? GATHER : this.#wait());
  }

  #wait(): number {
    // The journal's name spreads the tries of runs that were started together.
    const spread = 1 + (Number.parseInt(this.#journal.name.slice(0, 4), 16) || 0) / 0x20000;
    return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.#failures - 1)) * spread;
  }

  #schedule(milliseconds: number): void {
    if (this.#timer !== undefined || this.#busy !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#send();
    }, milliseconds);
    // A run that only waits for the server must not keep the process alive.
    this.#timer.unref();
  }

  async #send(): Promise<void> {
    this.#busy ??= sendJournal(this.#journal, this.#client, this.#warn)
      .then(() => {
        if (this.#failures > 0 && this.#warned)
          this.#warn(`the tracking server ${this.#uri} is back; everything is sent`);
        this.#failures = 0;
        this.#warned = false;
      })
      .catch((error: unknown) => {
        this.#failures++;
        if (!this.#warned)
          this.#warn(
            `the tracking server ${this.#uri} can't be reached (${reasonOf(error)}); the run goes on, and its journal is sent later`,
          );
        this.#warned = true;
      })
      .finally(() => {
        this.#busy = undefined;
        if (this.#failures > 0 || this.#journal.unsent().length > 0) this.wake();
      });
    await this.#busy;
  }

  /** @returns whether everything was sent in time */
  async finish(patience: number): Promise<boolean> {
    const until = performance.now() + patience;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#journal.unsent().length > 0) {
      await this.#send();
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (this.#failures === 0) continue;
      if (performance.now() > until) return false;
      await new Promise((done) => setTimeout(done, Math.min(this.#wait(), 1000)));
    }
    return true;
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

/** Validates, and turns calls into entries. */
function entriesTo(
  add: (entries: readonly Entry[]) => void,
): Pick<TrackingRun, 'logParams' | 'logMetrics' | 'setTags' | 'logArtifact'> {
  return {
    logParams(params) {
      add(
        Object.entries(params).map(([key, value]) => ({
          kind: 'param',
          key: checkKey('logParams', key),
          value: cut(String(value), LIMITS.param),
        })),
      );
    },
    logMetrics(metrics, step) {
      const timestamp = Date.now();
      add(
        Object.entries(metrics).map(([key, value]) => ({
          kind: 'metric',
          key: checkKey('logMetrics', key),
          value: metricValue(value),
          timestamp,
          step,
        })),
      );
    },
    setTags(tags) {
      add(
        Object.entries(tags).map(([key, value]) => ({
          kind: 'tag',
          key: checkKey('setTags', key),
          value: cut(value, LIMITS.tag),
        })),
      );
    },
    logArtifact(file, folder) {
      const path = folder === undefined ? basename(file) : `${folder}/${basename(file)}`;
      add([{ kind: 'artifact', file: resolve(file), path: checkKey('logArtifact', path) }]);
    },
  };
}

/**
 * Sends the journals of runs that a server doesn't have whole.
 *
 * @returns how many journals are sent whole, and which aren't, with the reason
 */
export async function pushJournals(
  uri: string,
  folder = JOURNAL_FOLDER,
  warn: (text: string) => void = (text) => process.emitWarning(text),
): Promise<{ readonly sent: number; readonly failed: readonly string[] }> {
  const client = new MlflowClient(uri);
  const failed: string[] = [];
  let sent = 0;
  for (const journal of Journal.list(resolve(folder))) {
    try {
      await sendJournal(journal, client, warn);
      sent++;
    } catch (error) {
      failed.push(`${journal.name}: ${reasonOf(error)}`);
    }
  }
  return { sent, failed };
}
