/** @file Named tensors as a safetensors file, one at a time. */
import { show } from '../checkpoint-error.ts';
import type { TensorDType } from '../dtypes.ts';
import { ELEMENT_BYTES } from '../dtypes.ts';
import { SAFETENSORS_DTYPES } from '../formats/safetensors.ts';
import { writeAtomically } from '../io/atomic-file.ts';
import type { WritableTensor } from '../tensor.ts';
import { bytesOf, checkTensors, refuse, valuesOf } from './writable.ts';

const HEADER_LIMIT = 100_000_000;
const STORED: ReadonlyMap<TensorDType, string> = new Map(
  Object.entries(SAFETENSORS_DTYPES).map(([stored, dtype]) => [dtype, stored]),
);

/**
 * Writes tensors with the dtypes that they are stored in, bit by bit; equal tensors give equal bytes.
 *
 * Only one tensor is in memory at a time. Data is aligned to 8 bytes; the tensors are ordered by the size of their
 * elements, then by name. The file appears whole or not at all.
 *
 * @throws {CheckpointError} on complex numbers, a name that is there twice or '__metadata__', values that can't be read,
 *   or when the file can't be written
 */
export function writeSafetensors(
  file: string,
  tensors: Iterable<WritableTensor>,
  metadata: { readonly [key: string]: string } = {},
): void {
  const ordered = [...tensors].sort(
    (a, b) => ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  checkTensors(file, ordered);
  const header = encodeHeader(file, ordered, metadata);
  writeAtomically(file, (sink) => {
    sink.write(header);
    for (const tensor of ordered) sink.write(valuesOf(file, tensor));
  });
}

function encodeHeader(
  file: string,
  tensors: readonly WritableTensor[],
  metadata: { readonly [key: string]: string },
): Uint8Array {
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const json: [string, unknown][] = sorted.length > 0 ? [['__metadata__', Object.fromEntries(sorted)]] : [];
  let at = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    const stored = STORED.get(dtype);
    if (name === '__metadata__') refuse(file, name, 'another name', 'the one that metadata has', 'rename the tensor');
    if (stored === undefined)
      refuse(file, name, 'a dtype of safetensors', dtype, 'write .npz, or real and imaginary parts as two tensors');
    json.push([name, { dtype: stored, shape, data_offsets: [at, (at += bytesOf(tensor))] }]);
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(json)));
  const length = Math.ceil(text.length / 8) * 8;
  if (length > HEADER_LIMIT)
    refuse(
      file,
      show(tensors[0]!.name),
      `a header of at most ${HEADER_LIMIT} bytes`,
      `${length}`,
      'write several files',
    );
  const header = Buffer.alloc(8 + length, ' ');
  header.writeBigUInt64LE(BigInt(length), 0);
  text.copy(header, 8);
  return header;
}
