/** @file NumPy's .npy, and the zip of them, .npz. */
import { sizeOf } from '@weightspace/compute';

import type { CheckpointContents, SkippedItem } from '../checkpoint.ts';
import { show } from '../checkpoint-error.ts';
import { swapBytes } from '../decode.ts';
import { ELEMENT_BYTES, isShape } from '../dtypes.ts';
import type { TensorDType } from '../dtypes.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { Cursor } from '../io/cursor.ts';
import type { Zip } from '../io/zip.ts';
import { columnMajorStrides, gather, isRowMajor } from '../strided.ts';
import { CheckpointTensor } from '../tensor.ts';

export const NPY_MAGIC = Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]);
/** NumPy itself refuses headers beyond 10,000 bytes. */
const HEADER_LIMIT = 2 ** 16;

/** A file with one array; it is called by the file's name, as it has no other. */
export function readNpyCheckpoint(source: ByteSource, name: string): CheckpointContents {
  const tensor = readNpy(source, name);
  if (tensor instanceof CheckpointTensor) return { format: 'npy', tensors: [tensor] };
  return source.fail({
    offset: 0,
    expected: 'an array of numbers',
    found: tensor.reason,
    remedy: 'convert it with astype to a kind of number, and save it again',
  });
}

/** The arrays of a zip, by their names without `.npy`; those that hold no numbers are named in `skipped`. */
export function readNpzCheckpoint(zip: Zip): CheckpointContents {
  const tensors: CheckpointTensor[] = [];
  const skipped: SkippedItem[] = [];
  for (const entry of zip.entries.values()) {
    const name = entry.name.replace(/\.npy$/, '');
    const tensor = name === entry.name ? { name, reason: 'a file that is no .npy' } : readNpy(zip.open(entry), name);
    if (tensor instanceof CheckpointTensor) tensors.push(tensor);
    else skipped.push(tensor);
  }
  return { format: 'npz', tensors, skipped };
}

function readNpy(source: ByteSource, name: string): CheckpointTensor | SkippedItem {
  const { descr, fortran, shape, dataOffset } = readHeader(source);
  const kind = kindOf(descr);
  if ('reason' in kind) return { name, reason: kind.reason };
  const { dtype, bigEndian } = kind;
  const shown = `(${shape.join(', ')})`;
  if (!isShape(shape)) source.fail({ offset: 10, expected: 'a shape of whole numbers', found: show(shown) });
  const bytes = sizeOf(shape) * ELEMENT_BYTES[dtype];
  if (dataOffset + bytes !== source.size) {
    source.fail({
      offset: Math.min(dataOffset + bytes, source.size),
      expected: `${bytes} bytes of data (${dtype} ${shown})`,
      found: `${source.size - dataOffset}`,
    });
  }
  const strides = fortran ? columnMajorStrides(shape) : undefined;
  const strided = strides && !isRowMajor(shape, strides) ? { strides } : {};
  const order = bigEndian ? { bigEndian } : {};
  const { file, base, at } = source;
  const location = base === undefined ? undefined : { file, offset: base + dataOffset, bytes, ...strided, ...order };
  return new CheckpointTensor(file, { name, dtype, shape, at, location }, () => {
    // Read from the start, so that a zip entry's checksum covers it.
    const stored = source.read(0, source.size).subarray(dataOffset);
    const ordered = strides ? gather(stored, ELEMENT_BYTES[dtype], shape, strides) : stored;
    return bigEndian ? swapBytes(dtype, ordered) : ordered;
  });
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
}

function readHeader(source: ByteSource): Header {
  const cursor = new Cursor(source);
  if (!NPY_MAGIC.every((byte) => byte === cursor.u8()))
    cursor.fail({ offset: 0, expected: 'an array of NumPy, which begins with \\x93NUMPY', found: 'another beginning' });
  const [major] = [cursor.u8(), cursor.u8()];
  if (major < 1 || major > 3)
    cursor.fail({ offset: 6, expected: 'version 1, 2 or 3 of the format', found: `${major}` });
  const length = major === 1 ? cursor.u16(true) : cursor.u32(true);
  if (length > HEADER_LIMIT)
    cursor.fail({ offset: 8, expected: `a header of at most ${HEADER_LIMIT} bytes`, found: `${length}` });
  const begin = cursor.position;
  const text = Buffer.from(cursor.bytes(length)).toString(major === 3 ? 'utf8' : 'latin1');
  const [, descr] = /'descr'\s*:\s*('[^']*'|\[.*\])/s.exec(text) ?? [];
  const [, order] = /'fortran_order'\s*:\s*(True|False)\b/.exec(text) ?? [];
  const [, sizes] = /'shape'\s*:\s*\(([\d\sL,]*)\)/.exec(text) ?? [];
  if (!/^\{.*\}\s*$/s.test(text) || descr === undefined || order === undefined || sizes === undefined) {
    return cursor.fail({ offset: begin, expected: 'a record of descr, fortran_order and shape', found: show(text) });
  }
  const shape = sizes.split(',').map((size) => size.trim().replace(/L$/, ''));
  return {
    descr: descr.startsWith("'") ? descr.slice(1, -1) : descr,
    fortran: order === 'True',
    shape: shape.filter((size) => size !== '').map(Number),
    dataOffset: cursor.position,
  };
}

const NUMBERS: { readonly [code: string]: TensorDType } = {
  f8: 'float64',
  f4: 'float32',
  f2: 'float16',
  i8: 'int64',
  i4: 'int32',
  i2: 'int16',
  i1: 'int8',
  u8: 'uint64',
  u4: 'uint32',
  u2: 'uint16',
  u1: 'uint8',
  b1: 'bool',
  '?': 'bool',
  c8: 'complex64',
  c16: 'complex128',
};

const OTHERS: { readonly [letter: string]: string } = {
  U: 'text in Unicode',
  S: 'text in bytes',
  a: 'text in bytes',
  O: 'Python objects, which are a pickle',
  V: 'raw bytes (a dtype that NumPy itself does not know, such as bfloat16, is saved like this)',
  M: 'dates',
  m: 'time spans',
};

function kindOf(descr: string): { dtype: TensorDType; bigEndian: boolean } | { reason: string } {
  if (descr.startsWith('[')) return { reason: 'an array of records with fields' };
  const [, order = '', code = ''] = /^([<>|=]?)(.*)$/.exec(descr) ?? [];
  if (Object.hasOwn(NUMBERS, code)) return { dtype: NUMBERS[code]!, bigEndian: order === '>' };
  const letter = code.slice(0, 1);
  const what = Object.hasOwn(OTHERS, letter) ? OTHERS[letter]! : 'a dtype that is not known here';
  return { reason: `${what} ('${show(descr)}')` };
}
