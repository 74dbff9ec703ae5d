/** @file Scripts of the app. */
import { join } from 'node:path';

import { startScript } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';
import { vi } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');
const fileOf = (script: string): string => join(root, 'apps/learned-optimizers/src', script);

/** Starts `meta-train` as a process of its own, and kills it once `killWhen` has seen what it waits for. */
export const killMetaTrain = (args: readonly string[], killWhen: (printed: string) => boolean): Promise<Ended> =>
  startScript(fileOf('meta-train.ts'), args, { cwd: root, killWhen }).ended;

/** What a script of the app does with arguments, without a process of its own; once for each script. */
export async function importScript(script: string, args: readonly string[]): Promise<Ended> {
  const { argv, exitCode } = process;
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  try {
    process.argv = [argv[0]!, fileOf(script), ...args];
    await import(fileOf(script));
    return { code: Number(process.exitCode), signal: null, ...printed };
  } finally {
    spies.forEach((spy) => spy.mockRestore());
    Object.assign(process, { argv, exitCode });
  }
}
