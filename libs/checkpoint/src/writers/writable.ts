/** @file What every writer checks of the tensors that it is given. */
import { sizeOf } from '@weightspace/compute';

import { CheckpointError, show } from '../checkpoint-error.ts';
import { ELEMENT_BYTES, isShape } from '../dtypes.ts';
import type { WritableTensor } from '../tensor.ts';

/** @returns how many bytes the tensor's values take */
export const bytesOf = ({ dtype, shape }: Pick<WritableTensor, 'dtype' | 'shape'>): number =>
  sizeOf(shape) * ELEMENT_BYTES[dtype];

export function refuse(file: string, tensor: string, expected: string, found: string, remedy: string): never {
  throw new CheckpointError({ file, at: `tensor '${show(tensor)}'`, expected, found, remedy });
}

/** @throws {CheckpointError} on a name that is there twice, or a shape that is none */
export function checkTensors(file: string, tensors: readonly WritableTensor[]): void {
  const names = new Set<string>();
  for (const { name, shape } of tensors) {
    if (names.has(name)) refuse(file, name, 'every name once', 'it twice', 'rename one of the two tensors');
    if (!isShape(shape)) refuse(file, name, 'a shape', `[${String(shape)}]`, 'pass whole numbers ≥ 0');
    names.add(name);
  }
}

/** The values, as many as the shape says. */
export function valuesOf(file: string, tensor: WritableTensor): Uint8Array {
  const bytes = tensor.bytes();
  const needed = bytesOf(tensor);
  if (bytes.length !== needed) {
    const expected = `${needed} bytes for ${tensor.dtype} [${tensor.shape.join(', ')}]`;
    refuse(file, tensor.name, expected, `${bytes.length}`, 'pass values of the shape that you name');
  }
  return bytes;
}
