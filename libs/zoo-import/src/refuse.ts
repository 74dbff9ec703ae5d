/** @file Refusals that name the file, the row and what to do. */
import { readFileSync } from 'node:fs';

import { ZooError } from '@weightspace/zoo';

export interface Refusal {
  readonly file: string;
  readonly at?: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy?: string;
}

const ANEW = 'the file is damaged, or of another format: unpack the download again, or name another format';

export const refusal = ({ remedy = ANEW, ...problem }: Refusal): ZooError =>
  new ZooError('importZoo', { ...problem, remedy });

/** @throws {ZooError} when the file can't be read */
export function readFile(file: string, remedy = 'name the folder that the download unpacks to'): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw refusal({ file, expected: 'a file that can be read', found, remedy });
  }
}

/** A text in quotes, cut where it is long. */
export const quoted = (text: string): string => `'${text.length > 60 ? `${text.slice(0, 57)}…` : text}'`;
