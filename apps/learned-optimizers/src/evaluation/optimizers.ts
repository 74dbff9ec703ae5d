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

/** `evaluate FOLDER… [options]` as the experiment has it: `--set optimizers=[…]`. */
export function withFolders(argv: readonly string[]): readonly string[] {
  const first = argv.findIndex((word) => word.startsWith('-'));
  const [folders, rest] = first < 0 ? [argv, []] : [argv.slice(0, first), argv.slice(first)];
  return folders.length === 0 ? rest : ['--set', `optimizers=${JSON.stringify(folders)}`, ...rest];
}
