/** @file safetensors, by compute's header parser; data by range. */
import { readSafetensorsHeader, SafetensorsError } from '@weightspace/compute';
import type { SafetensorsHeader } from '@weightspace/compute';

import type { CheckpointContents } from '../checkpoint.ts';
import { CheckpointError } from '../checkpoint-error.ts';
import type { TensorDType } from '../dtypes.ts';
import { isShape } from '../dtypes.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { CheckpointTensor } from '../tensor.ts';

/** Our name of each dtype of the format. */
export const SAFETENSORS_DTYPES = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8_e4m3fn',
  F8_E5M2: 'float8_e5m2',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
} as const satisfies { readonly [stored in SafetensorsHeader['entries'][number]['stored']]: TensorDType };

/** Reads the header only, whatever the size of the file. */
export function readSafetensorsCheckpoint(source: ByteSource): CheckpointContents {
  const { entries, metadata, dataOffset } = headerOf(source.file);
  const tensors = entries.map(({ name, stored, shape, begin, end }) => {
    if (!isShape(shape)) source.fail({ at: `tensor '${name}'`, expected: 'a shape', found: JSON.stringify(shape) });
    const [offset, bytes] = [dataOffset + begin, end - begin];
    const facts = { name, dtype: SAFETENSORS_DTYPES[stored], shape, location: { file: source.file, offset, bytes } };
    return new CheckpointTensor(source.file, facts, () => source.read(offset, bytes));
  });
  return { format: 'safetensors', tensors, metadata };
}

function headerOf(file: string): SafetensorsHeader {
  try {
    return readSafetensorsHeader(file);
  } catch (cause) {
    if (cause instanceof SafetensorsError) throw new CheckpointError(cause, { cause });
    throw cause;
  }
}
