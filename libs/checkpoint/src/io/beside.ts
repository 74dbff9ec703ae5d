/** @file Files that another file refers to: only in its own folder. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, resolve, sep } from 'node:path';

import { show } from '../checkpoint-error.ts';
import type { ByteSource } from './byte-source.ts';

/**
 * A file that another one refers to, if it is in the same folder or below it; links don't lead out either.
 *
 * @throws {CheckpointError} when it would be elsewhere
 */
export function besideFile(source: ByteSource, path: unknown): string {
  const folder = dirname(resolve(source.file));
  const remedy = 'put the data beside the file and write its name without a folder';
  const refuse = (found: string): never =>
    source.fail({ expected: `the name of a file within ${folder}`, found, remedy });
  if (typeof path !== 'string' || path === '' || isAbsolute(path) || path.includes('\0') || /^[a-z]+:/i.test(path))
    return refuse(show(path));
  const target = resolve(folder, path);
  if (!isWithin(target, folder)) return refuse(show(path));
  if (existsSync(target) && !isWithin(realpathSync(target), realpathSync(folder)))
    return refuse(`${show(path)}, a link that leads out of it`);
  return target;
}

const isWithin = (target: string, folder: string) => target.startsWith(folder.endsWith(sep) ? folder : folder + sep);
