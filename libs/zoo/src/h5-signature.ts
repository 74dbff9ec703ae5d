/** @file The first bytes of an HDF5 file. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

import { ZooError } from './zoo-error.ts';

const SIGNATURE = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);
/** HDF5's superblock, versions 2 and 3: the signature, the version, and where the file ends. */
const [SUPERBLOCK, VERSION_AT, END_AT] = [48, 8, 28];

/** Looked at before HDF5 is, since HDF5 prints a page of its own for every file that it can't open. */
export function checkSignature(fn: 'openZoo' | 'openH5', file: string): void {
  const start = Buffer.alloc(SUPERBLOCK);
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
  if (!start.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    throw new ZooError(fn, {
      file,
      expected: 'an HDF5 file',
      found: `a file of ${size} bytes that starts otherwise`,
      remedy: fn === 'openZoo' ? 'check the path, or generate the zoo again' : 'check the path',
    });
  }
  const end = start.readUInt8(VERSION_AT) >= 2 ? start.readBigUInt64LE(END_AT) : 0n;
  if (size < end) {
    throw new ZooError(fn, {
      file,
      expected: `${end} bytes, as its start says`,
      found: String(size),
      remedy:
        fn === 'openZoo'
          ? 'it was cut short: delete it and generate again with --resume'
          : 'it was cut short: get it anew',
    });
  }
}
