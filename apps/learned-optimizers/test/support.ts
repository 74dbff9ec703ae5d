/** @file Scripts of the app. */
import { join } from 'node:path';

import { importScript, startScript } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';

const root = join(import.meta.dirname, '..', '..', '..');
const fileOf = (script: string): string => join(root, 'apps/learned-optimizers/src', script);

/** Starts `meta-train` as a process of its own, and kills it once `killWhen` has seen what it waits for. */
export const killMetaTrain = (args: readonly string[], killWhen: (printed: string) => boolean): Promise<Ended> =>
  startScript(fileOf('meta-train.ts'), args, { cwd: root, killWhen }).ended;

/** What a script of the app does with arguments, without a process of its own; once for each script. */
export const importAppScript = (script: string, args: readonly string[]): Promise<Ended> =>
  importScript(fileOf(script), args);
