/** @file For tests of the projects in data/: a zoo made in one go, and again with a stop. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { generateZoo, inlineExecutor } from '@weightspace/zoo';
import type { GenerateOptions } from '@weightspace/zoo';

export interface StopAndResume {
  /** Whether the stop left shards to be made. */
  readonly stopped: boolean;
  /** Contents by name of what is in the folders `whole` and `stopped`. */
  readonly whole: { readonly [name: string]: string };
  readonly resumed: { readonly [name: string]: string };
}

/** Makes the zoo in `<root>/whole`, and in `<root>/stopped` with a stop after the first shard. */
export async function stopAndResume(
  { header, chunks, task }: Pick<GenerateOptions, 'header' | 'chunks' | 'task'>,
  root: string,
): Promise<StopAndResume> {
  const options = { header, chunks, task, executor: inlineExecutor() };
  const [whole, folder] = [join(root, 'whole'), join(root, 'stopped')];
  await generateZoo({ ...options, folder: whole });
  const stop = new AbortController();
  const stopped = !(await generateZoo({
    ...options,
    folder,
    signal: stop.signal,
    onProgress: ({ shard }) => shard !== undefined && stop.abort(),
  }));
  await generateZoo({ ...options, folder, resume: true });
  return { stopped, whole: bytesOf(whole), resumed: bytesOf(folder) };
}

const bytesOf = (folder: string): { readonly [name: string]: string } =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
