/** @file Named tensors as NumPy's .npz: a zip of .npy files, stored as they are, one at a time. */
import { crc32 } from 'node:zlib';

import type { TensorDType } from '../dtypes.ts';
import { writeAtomically } from '../io/atomic-file.ts';
import type { WritableTensor } from '../tensor.ts';
import { checkTensors, refuse, valuesOf } from './writable.ts';
import { ZipWriter } from './zip-writer.ts';

const DESCRIPTIONS: { readonly [D in TensorDType]?: string } = {
  float64: '<f8',
  float32: '<f4',
  float16: '<f2',
  int64: '<i8',
  int32: '<i4',
  int16: '<i2',
  int8: '|i1',
  uint64: '<u8',
  uint32: '<u4',
  uint16: '<u2',
  uint8: '|u1',
  bool: '|b1',
  complex64: '<c8',
  complex128: '<c16',
};

/**
 * Writes tensors with the dtypes that they are stored in, bit by bit; equal tensors give equal bytes.
 *
 * Only one tensor is in memory at a time; nothing is compressed. The file appears whole or not at all.
 *
 * @throws {CheckpointError} on bfloat16 and float8, which NumPy doesn't know, a name that is there twice, values that
 *   can't be read, or when the file can't be written
 */
export function writeNpz(file: string, tensors: Iterable<WritableTensor>): void {
  const list = [...tensors];
  checkTensors(file, list);
  for (const { name, dtype } of list) {
    const remedy = 'write safetensors, or pass tensorOf(name, tensor.ndarray()), which is float32';
    if (DESCRIPTIONS[dtype] === undefined) refuse(file, name, 'a dtype of NumPy', dtype, remedy);
    if (Buffer.byteLength(name) > 0xffff - 4)
      refuse(file, name, 'a name of at most 65,531 bytes', 'more', 'shorten it');
  }
  writeAtomically(file, (sink) => {
    const zip = new ZipWriter(sink);
    for (const tensor of list) {
      const [header, values] = [npyHeader(tensor), valuesOf(file, tensor)];
      const crc = crc32(header);
      // Node 20 continues a checksum over no bytes with 0.
      zip.add(`${tensor.name}.npy`, [header, values], values.length > 0 ? crc32(values, crc) : crc);
    }
    zip.finish();
  });
}

/** Version 1 of the format: padded with spaces, so that the data begins at a multiple of 64. */
function npyHeader({ dtype, shape }: WritableTensor): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + length, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(length, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', 10 + length - 1);
  return header;
}
