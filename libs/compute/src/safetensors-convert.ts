/** @file Stored numbers of a safetensors file as the three dtypes of NdArray. */
import type { NdArray } from './nd-array.ts';
import type { Fail, SafetensorsEntry, StoredType } from './safetensors-header.ts';

/** The dtype that each stored dtype is read as. */
export const READ_AS: { readonly [D in StoredType]: NdArray['dtype'] } = {
  F64: 'float32',
  F32: 'float32',
  F16: 'float32',
  BF16: 'float32',
  F8_E4M3: 'float32',
  F8_E5M2: 'float32',
  I64: 'int32',
  U64: 'int32',
  I32: 'int32',
  U32: 'int32',
  I16: 'int32',
  U16: 'int32',
  I8: 'int32',
  U8: 'int32',
  BOOL: 'bool',
};

/** Whether the bytes are taken as they are, without a conversion. */
export const isVerbatim = (stored: StoredType): boolean => stored === 'F32' || stored === 'I32' || stored === 'BOOL';

/**
 * @param bytes the stored bytes of one tensor, little-endian
 * @param dataOffset byte of the file at which all data begins, for messages
 */
export function convert(entry: SafetensorsEntry, bytes: Uint8Array, dataOffset: number, fail: Fail): NdArray {
  const { name, stored, shape, begin } = entry;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refuse = (at: number, expected: string, found: string): never =>
    fail({
      offset: dataOffset + begin + at,
      expected: `${expected} in ${stored} tensor '${name}'`,
      found,
      remedy: REMEDY,
    });
  if (stored === 'BOOL') {
    const bad = bytes.findIndex((byte) => byte > 1);
    if (bad >= 0) refuse(bad, '0 or 1', `${bytes[bad]}`);
    return { dtype: 'bool', shape, data: bytes.slice() };
  }
  const { width, read } = READERS[stored];
  const isFloat = READ_AS[stored] === 'float32';
  const data = isFloat ? new Float32Array(bytes.length / width) : new Int32Array(bytes.length / width);
  for (let i = 0; i < data.length; i++) {
    const value = read(view, i * width);
    data[i] = value;
    const lost = isFloat ? Math.abs(data[i]!) === Infinity && Math.abs(value) !== Infinity : data[i] !== value;
    if (lost) refuse(i * width, `numbers within ${isFloat ? 'float32' : 'int32'}`, `${value}`);
  }
  return { dtype: READ_AS[stored], shape, data: data as Float32Array };
}

const REMEDY = 'store it as F32, I32 or BOOL with values that fit';

interface Reader {
  readonly width: number;
  readonly read: (view: DataView, at: number) => number;
}

const READERS: { readonly [D in Exclude<StoredType, 'BOOL'>]: Reader } = {
  F64: { width: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { width: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { width: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  BF16: { width: 2, read: (view, at) => bfloatToNumber(view.getUint16(at, true)) },
  F8_E4M3: { width: 1, read: (view, at) => e4m3ToNumber(view.getUint8(at)) },
  // The upper half of a float16.
  F8_E5M2: { width: 1, read: (view, at) => halfToNumber(view.getUint8(at) << 8) },
  I64: { width: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  U64: { width: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  I32: { width: 4, read: (view, at) => view.getInt32(at, true) },
  U32: { width: 4, read: (view, at) => view.getUint32(at, true) },
  I16: { width: 2, read: (view, at) => view.getInt16(at, true) },
  U16: { width: 2, read: (view, at) => view.getUint16(at, true) },
  I8: { width: 1, read: (view, at) => view.getInt8(at) },
  U8: { width: 1, read: (view, at) => view.getUint8(at) },
};

/** IEEE half precision: 1 sign bit, 5 exponent bits, 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** 1 sign bit, 4 exponent bits with bias 7, 3 fraction bits; no infinities, all ones is NaN (arXiv:2209.05433, table 1). */
export function e4m3ToNumber(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 0xf;
  const fraction = bits & 7;
  if (exponent === 0xf && fraction === 7) return NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10));
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a float32. */
export function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}
