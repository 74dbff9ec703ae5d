/** @file The first bytes of an HDF5 file. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

import { ZooError } from './zoo-error.ts';

const SIGNATURE = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Looked at before HDF5 is, since HDF5 prints a page of its own for every file that it can't open. */
export function checkSignature(fn: 'openZoo' | 'openH5', file: string): void {
  const start = Buffer.alloc(SIGNATURE.length);
  let size: number;
  try {
    const fd = openSync(file, 'r');
    size = statSync(file).size;
    readSync(fd, start, 0, start.length, 0);
    closeSync(fd);
  } catch (cause) {
    throw new ZooError(
      fn,
      {
        file,
        expected: fn === 'openZoo' ? 'a zoo file' : 'an HDF5 file',
        found: cause instanceof Error ? cause.message : String(cause),
        remedy: 'check the path',
      },
      { cause },
    );
  }
  if (!start.equals(SIGNATURE)) {
    throw new ZooError(fn, {
      file,
      expected: 'an HDF5 file',
      found: `a file of ${size} bytes that starts otherwise`,
      remedy: fn === 'openZoo' ? 'check the path, or generate the zoo again' : 'check the path',
    });
  }
}
