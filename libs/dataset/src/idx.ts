/** @file IDX, the format of MNIST's files. */
import { DatasetError } from './dataset-error.ts';

const UNSIGNED_BYTES = 0x08;

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes: two zero bytes, the type, the rank, a 32-bit size per axis, the values.
 *
 * @throws {DatasetError} on a wrong type, a wrong rank, or another length than the header says
 */
export function readIdx(bytes: Uint8Array, file: string, rank: number): IdxArray {
  const remedy = 'install the package anew';
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new DatasetError(file, { expected: `a header of ${header} bytes`, found: `${bytes.length} bytes`, remedy });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const wanted = (UNSIGNED_BYTES << 8) | rank;
  if (magic !== wanted) {
    throw new DatasetError(file, {
      at: 'byte 0',
      expected: `the number ${wanted} (unsigned bytes, ${rank} axes)`,
      found: String(magic),
      remedy,
    });
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, n) => product * n, 1);
  if (bytes.length !== header + size) {
    throw new DatasetError(file, {
      at: `byte ${header}`,
      expected: `${size} values for [${shape.join(', ')}]`,
      found: `${bytes.length - header}`,
      remedy,
    });
  }
  return { shape, data: bytes.subarray(header) };
}

/** The bytes of an IDX file of unsigned bytes. */
export function writeIdx({ shape, data }: IdxArray): Uint8Array {
  const header = 4 + 4 * shape.length;
  const bytes = new Uint8Array(header + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (UNSIGNED_BYTES << 8) | shape.length);
  shape.forEach((n, axis) => view.setUint32(4 + 4 * axis, n));
  bytes.set(data, header);
  return bytes;
}
