/** @file A TensorProto of an ONNX file: what it says, and its values from wherever they are. */
import { sizeOf } from '@weightspace/compute';

import { show } from '../checkpoint-error.ts';
import { ELEMENT_BYTES, isShape } from '../dtypes.ts';
import type { TensorDType } from '../dtypes.ts';
import { besideFile } from '../io/beside.ts';
import { FileSource } from '../io/byte-source.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { Cursor } from '../io/cursor.ts';
import { CheckpointTensor } from '../tensor.ts';
import type { TensorLocation } from '../tensor.ts';
import { eachField, readVarint } from './wire.ts';
import type { WireField } from './wire.ts';

/** ONNX's numbers of the dtypes that are read, by TensorProto.DataType. */
export const ONNX_DTYPES: { readonly [number: number]: TensorDType } = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8_e4m3fn',
  19: 'float8_e5m2',
};

/** Fields of TensorProto. */
const F = {
  dims: 1,
  dataType: 2,
  floats: 4,
  ints: 5,
  longs: 7,
  name: 8,
  raw: 9,
  doubles: 10,
  ulongs: 11,
  external: 13,
  place: 14,
};
/** Fields that hold values by their kind. */
const TYPED = new Set([F.floats, F.ints, F.longs, F.doubles, F.ulongs]);
/** Fields whose packed values are their own little-endian bytes, of the dtypes of the same width. */
const FIXED = new Set([F.floats, F.doubles]);

interface Place {
  readonly begin: number;
  readonly end: number;
}

/** Values in the typed fields: one packed field, or a field for each value. They are gone through anew when they are read. */
export interface TypedValues {
  readonly bytes: number;
  readonly fields: number;
  readonly last: WireField | undefined;
  each(visit: (field: WireField) => void): void;
}

export interface TensorProtoHead {
  readonly name: string;
  readonly dataType: number;
  readonly shape: readonly number[];
  readonly raw: Place | undefined;
  readonly typed: TypedValues;
  readonly external: ReadonlyMap<string, string>;
}

/** Reads a TensorProto without its values. */
export function readTensorHead(source: ByteSource, place: Place): TensorProtoHead {
  const cursor = new Cursor(source, place.begin, place.end);
  const dims: bigint[] = [];
  const external = new Map<string, string>();
  let [name, dataType, isExternal, bytes, fields] = ['', 0, false, 0, 0];
  let last: WireField | undefined;
  let raw: Place | undefined;
  eachField(cursor, (field) => {
    const { number, value, begin, end } = field;
    if (number === F.dims) addDims(source, field, dims);
    else if (number === F.dataType) dataType = Number(value);
    else if (number === F.name) name = textOf(source, field);
    else if (number === F.raw) raw = { begin, end };
    else if (number === F.external) addEntry(source, field, external);
    else if (number === F.place) isExternal = value === 1n;
    else if (TYPED.has(number)) [bytes, fields, last] = [bytes + end - begin, fields + 1, field];
  });
  const each = (visit: (field: WireField) => void) =>
    eachField(new Cursor(source, place.begin, place.end), (field) => {
      if (TYPED.has(field.number)) visit(field);
    });
  const typed = { bytes, fields, last, each };
  const shape = dims.map(Number);
  if (!isShape(shape))
    source.fail({ offset: place.begin, at: at(name), expected: 'a shape', found: `[${show(dims.join(', '))}]` });
  if (isExternal && external.size === 0) external.set('location', '');
  return { name, dataType, shape, raw, typed, external: isExternal ? external : new Map() };
}

const at = (name: string) => `tensor '${show(name)}'`;

export function textOf(source: ByteSource, { begin, end }: Place): string {
  const cursor = new Cursor(source, begin, end);
  if (end - begin > 2 ** 16) cursor.fail({ expected: 'a text of at most 65536 bytes', found: `${end - begin}` });
  return cursor.text(end - begin);
}

const RANK_LIMIT = 64;

/** Sizes of axes, one by one or packed. */
function addDims(source: ByteSource, { wire, value, begin, end }: WireField, dims: bigint[]): void {
  const cursor = new Cursor(source, begin, end);
  if (wire === 0) dims.push(value);
  else while (!cursor.done && dims.length <= RANK_LIMIT) dims.push(readVarint(cursor));
  if (dims.length > RANK_LIMIT) cursor.fail({ expected: `at most ${RANK_LIMIT} axes`, found: 'more' });
}

function addEntry(source: ByteSource, { begin, end }: Place, entries: Map<string, string>): void {
  let [key, value] = ['', ''];
  eachField(new Cursor(source, begin, end), (field) => {
    if (field.number === 1) key = textOf(source, field);
    if (field.number === 2) value = textOf(source, field);
  });
  entries.set(key, value);
}

/** The tensor, or why it isn't read. */
export function tensorFromHead(
  source: ByteSource,
  head: TensorProtoHead,
  name: string,
  where: string,
  expansionLimit: number,
): CheckpointTensor | string {
  const dtype = ONNX_DTYPES[head.dataType];
  if (dtype === undefined) return `a tensor of ONNX's data type ${head.dataType}, which is not read`;
  const bytes = sizeOf(head.shape) * ELEMENT_BYTES[dtype];
  const { location, load } = valuesOf(source, head, name, dtype, bytes, expansionLimit);
  return new CheckpointTensor(source.file, { name, dtype, shape: head.shape, at: where, location }, load);
}

interface Values {
  readonly location: TensorLocation | undefined;
  readonly load: () => Uint8Array;
}

function valuesOf(
  source: ByteSource,
  head: TensorProtoHead,
  name: string,
  dtype: TensorDType,
  bytes: number,
  expansionLimit: number,
): Values {
  const shown = `${bytes} bytes (${dtype} [${head.shape.join(', ')}])`;
  if (head.external.size > 0) return externalValues(source, head.external, name, bytes);
  const { last, fields } = head.typed;
  const single = head.raw ?? (fields === 1 && last && FIXED.has(last.number) ? last : undefined);
  if (single) {
    const found = single.end - single.begin;
    if (found !== bytes) source.fail({ at: at(name), offset: single.begin, expected: shown, found: `${found}` });
    return placed(source, single.begin, bytes);
  }
  const stored = head.typed.bytes;
  if (bytes - stored > expansionLimit || bytes > 16 * stored)
    source.fail({ at: at(name), expected: shown, found: `${stored} bytes of values` });
  const load = () => typedValues(source, head, name, dtype, bytes);
  return { location: undefined, load };
}

const placed = (source: ByteSource, begin: number, bytes: number): Values => ({
  location: { file: source.file, offset: (source.base ?? 0) + begin, bytes },
  load: () => source.read(begin, bytes),
});

function externalValues(source: ByteSource, entries: ReadonlyMap<string, string>, name: string, bytes: number): Values {
  const count = (key: string, otherwise: number) => {
    const text = entries.get(key) ?? `${otherwise}`;
    const remedy = 'write the model again, or keep its tensors in the file';
    if (!/^\d{1,15}$/.test(text))
      source.fail({ at: at(name), expected: `a number as ${key} of its external data`, found: show(text), remedy });
    return Number(text);
  };
  const data = new FileSource(besideFile(source, entries.get('location')));
  const [offset, length] = [count('offset', 0), count('length', bytes)];
  if (length !== bytes) source.fail({ at: at(name), expected: `${bytes} bytes of external data`, found: `${length}` });
  if (offset + length > data.size)
    data.fail({
      at: at(name),
      offset: Math.min(offset, data.size),
      expected: `${length} bytes`,
      found: `${Math.max(0, data.size - offset)}`,
    });
  return placed(data, offset, length);
}

/** Values of the typed fields: numbers as varints or in a fixed width, packed or one by one. */
function typedValues(
  source: ByteSource,
  head: TensorProtoHead,
  name: string,
  dtype: TensorDType,
  bytes: number,
): Uint8Array {
  const target = Buffer.alloc(bytes);
  const width = ELEMENT_BYTES[dtype];
  let to = 0;
  const put = (value: bigint) => {
    if (to + width > bytes) source.fail({ at: at(name), expected: `${bytes / width} values`, found: 'more' });
    if (width === 8) target.writeBigUInt64LE(BigInt.asUintN(64, value), to);
    else target.writeUIntLE(Number(BigInt.asUintN(8 * width, value)), to, width);
    to += width;
  };
  head.typed.each(({ number, wire, value, begin, end }) => {
    if (FIXED.has(number)) {
      if (to + end - begin > bytes) source.fail({ at: at(name), expected: `${bytes} bytes`, found: 'more' });
      target.set(source.read(begin, end - begin), to);
      to += end - begin;
    } else if (wire === 0) put(value);
    else for (const cursor = new Cursor(source, begin, end); !cursor.done;) put(readVarint(cursor));
  });
  if (to !== bytes) source.fail({ at: at(name), expected: `${bytes / width} values`, found: `${to / width}` });
  return new Uint8Array(target.buffer, target.byteOffset, bytes);
}
