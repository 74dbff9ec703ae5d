/** @file Rows of float32 in a large file, by number. */
import { closeSync, openSync, readSync } from 'node:fs';

import { refusal } from './refuse.ts';

export interface RowFile {
  readonly file: string;
  /** Byte at which the first row begins. */
  readonly offset: number;
  /** Numbers in a row. */
  readonly width: number;
}

/** Reads rows in the order given; neighbours in the file are read at once. */
export function readRows({ file, offset, width }: RowFile, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * width);
  const bytes = new Uint8Array(out.buffer);
  const fd = openSync(file, 'r');
  try {
    for (let i = 0; i < rows.length;) {
      let end = i + 1;
      while (end < rows.length && rows[end] === rows[end - 1]! + 1) end++;
      fill(fd, bytes.subarray(i * width * 4, end * width * 4), offset + rows[i]! * width * 4, file);
      i = end;
    }
  } finally {
    closeSync(fd);
  }
  return out;
}

function fill(fd: number, target: Uint8Array, position: number, file: string): void {
  for (let done = 0; done < target.length;) {
    const got = readSync(fd, target, done, target.length - done, position + done);
    if (got === 0)
      throw refusal({
        file,
        at: `byte ${position + done}`,
        expected: `${target.length - done} more bytes`,
        found: 'the end of the file',
      });
    done += got;
  }
}
