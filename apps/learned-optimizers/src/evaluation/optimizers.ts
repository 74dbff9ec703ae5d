/** @file Saved optimizers as a command names them. */
import { basename, dirname } from 'node:path';

import { newestRun } from '@weightspace/experiment';
import { loadOptimizer } from '@weightspace/learned-optimizer';

import type { Named } from './judge.ts';

/** Those in folders, or of files; the newest run's when there are none. Names are kinds, with the folder where a kind is there twice. */
export function namedOptimizers(paths: readonly string[]): readonly Named[] {
  const given =
    paths.length > 0
      ? paths
      : [newestRun('learned-optimizers', 'optimizer.json', 'runs', 'learned-optimizers:meta-train')];
  const loaded = given.map((path) => loadOptimizer(path));
  return loaded.map((saved, i) => {
    const twice = loaded.some((other, j) => j !== i && other.kind === saved.kind);
    const { file, kind } = saved;
    const from = basename(file) === 'optimizer.json' ? basename(dirname(file)) : basename(file, '.json');
    return { name: twice ? `${kind} (${from})` : kind, saved };
  });
}

/**
 * `evaluate FOLDER… [options]` as the experiment has it: `--set optimizers=[…]`. A configuration may be in front of the folders,
 * where a target of Nx puts its own.
 */
export function withFolders(argv: readonly string[]): readonly string[] {
  const configuration = argv[0] === '--configuration' ? argv.slice(0, 2) : [];
  const given = argv.slice(configuration.length);
  const first = given.findIndex((word) => word.startsWith('-'));
  const [folders, rest] = first < 0 ? [given, []] : [given.slice(0, first), given.slice(first)];
  return [
    ...configuration,
    ...(folders.length === 0 ? [] : ['--set', `optimizers=${JSON.stringify(folders)}`]),
    ...rest,
  ];
}
