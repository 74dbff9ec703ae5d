/**
 * @file Flax's msgpack of nested dictionaries (flax.serialization.to_bytes).
 *
 * An array is an extension of type 1, a NumPy scalar one of type 3; inside is MessagePack again: (shape, dtype's name,
 * bytes in C order). Arrays beyond 2³⁰ bytes are dictionaries of flat pieces.
 */
import { sizeOf } from '@weightspace/compute';

import type { CheckpointContents, SkippedItem } from '../checkpoint.ts';
import { show } from '../checkpoint-error.ts';
import { ELEMENT_BYTES, isShape, isTensorDType } from '../dtypes.ts';
import type { TensorDType } from '../dtypes.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { Cursor } from '../io/cursor.ts';
import { readToken } from '../io/msgpack.ts';
import type { MsgpackToken } from '../io/msgpack.ts';
import { checkNesting, MetadataTable, NameTable } from '../names.ts';
import { CheckpointTensor } from '../tensor.ts';

const [ARRAY, COMPLEX, SCALAR] = [1, 2, 3];
const CHUNKED = '__msgpack_chunked_array__';
const VALUE_LIMIT = 1e6;

/** An array's place: shape, dtype and where its bytes are. */
interface FlaxArray {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly offset: number;
  readonly bytes: number;
}
/** A value of the tree: maps keep their items, so that pieces of an array can be told from a dictionary. */
type FlaxValue = FlaxArray | Map<string, FlaxValue> | string | number | bigint | boolean | null;

const isArray = (value: FlaxValue | undefined): value is FlaxArray =>
  typeof value === 'object' && value !== null && !(value instanceof Map);

/** Reads everything but the arrays' bytes. */
export function readFlaxCheckpoint(source: ByteSource): CheckpointContents {
  const reader = new FlaxReader(source);
  const root = reader.read();
  if (!(root instanceof Map)) source.fail({ offset: 0, expected: 'a dictionary of arrays', found: 'another value' });
  return reader.collect(root);
}

class FlaxReader {
  readonly #source: ByteSource;
  readonly #cursor: Cursor;
  readonly #names = new NameTable('/');
  readonly #metadata = new MetadataTable();
  readonly #tensors: CheckpointTensor[] = [];
  readonly #skipped: SkippedItem[] = [];
  #values = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.#cursor = new Cursor(source);
  }

  /** The whole file, which holds one value. */
  read(): FlaxValue {
    const value = this.#value([]);
    if (!this.#cursor.done)
      this.#cursor.fail({
        expected: 'the end of the file',
        found: `${this.#cursor.end - this.#cursor.position} more bytes`,
      });
    return value;
  }

  #value(path: readonly string[]): FlaxValue {
    if (++this.#values > VALUE_LIMIT) this.#cursor.fail({ expected: `at most ${VALUE_LIMIT} values`, found: 'more' });
    checkNesting(this.#source.file, path);
    const start = this.#cursor.position;
    const token = readToken(this.#cursor);
    if (token.kind === 'map') return this.#map(token.length, path);
    if (token.kind === 'array') return this.#list(token.length, path);
    if (token.kind === 'scalar') return token.value;
    if (token.kind === 'extension' && (token.type === ARRAY || token.type === SCALAR)) return this.#array(token);
    if (token.kind === 'extension' && token.type !== COMPLEX)
      this.#cursor.fail({
        offset: start,
        expected: 'an array, a complex number or a scalar',
        found: `extension ${token.type}`,
      });
    const reason = token.kind === 'bytes' ? 'bytes that are no array' : 'a complex number of Python';
    this.#skipped.push({ name: path.join('/'), reason });
    return null;
  }

  #map(length: number, path: readonly string[]): Map<string, FlaxValue> {
    const map = new Map<string, FlaxValue>();
    for (let i = 0; i < length; i++) {
      const start = this.#cursor.position;
      const token = readToken(this.#cursor);
      const key = token.kind === 'scalar' ? String(token.value) : undefined;
      if (key === undefined)
        this.#cursor.fail({ offset: start, expected: 'a text as key', found: `a value of kind ${token.kind}` });
      if (map.has(key)) this.#cursor.fail({ offset: start, expected: 'every key once', found: `'${show(key)}' twice` });
      map.set(key, this.#value([...path, key]));
    }
    return map;
  }

  #list(length: number, path: readonly string[]): Map<string, FlaxValue> {
    const map = new Map<string, FlaxValue>();
    for (let i = 0; i < length; i++) map.set(`${i}`, this.#value([...path, `${i}`]));
    return map;
  }

  #array({ offset, length }: { offset: number; length: number }): FlaxArray {
    const inside = new Cursor(this.#source, offset, offset + length);
    const wrong = (found: string): never =>
      inside.fail({ offset, expected: "an array's shape, dtype and bytes", found });
    if (!isList(readToken(inside), 3)) wrong('another value');
    const rank = readToken(inside);
    if (rank.kind !== 'array' || rank.length > 64) return wrong('no list of sizes');
    const shape = Array.from({ length: rank.length }, () => scalarOf(readToken(inside)));
    const dtype = scalarOf(readToken(inside));
    const data = readToken(inside);
    if (!isShape(shape)) return wrong(`the shape (${show(shape.map(String).join(', '))})`);
    if (typeof dtype !== 'string' || data.kind !== 'bytes') return wrong(`the dtype ${show(String(dtype))}`);
    const width = isTensorDType(dtype) ? ELEMENT_BYTES[dtype] : undefined;
    if (width !== undefined && sizeOf(shape) * width !== data.length)
      wrong(`${data.length} bytes for ${dtype} [${shape.join(', ')}]`);
    return { shape, dtype, offset: data.offset, bytes: data.length };
  }

  collect(root: Map<string, FlaxValue>): CheckpointContents {
    this.#visit(root, []);
    return { format: 'flax', tensors: this.#tensors, skipped: this.#skipped, metadata: this.#metadata.toRecord() };
  }

  #visit(value: FlaxValue, path: readonly string[]): void {
    if (isArray(value)) this.#add(path, value.shape, [value]);
    else if (value instanceof Map && value.has(CHUNKED)) this.#addChunked(value, path);
    else if (value instanceof Map) for (const [key, item] of value) this.#visit(item, [...path, key]);
    else if (value !== null) this.#metadata.add(path, value);
  }

  #addChunked(value: Map<string, FlaxValue>, path: readonly string[]): void {
    const [shape, chunks] = [listOf(value.get('shape')), listOf(value.get('chunks'))];
    if (!isShape(shape) || !chunks.every(isArray) || chunks.some(({ dtype }) => dtype !== chunks[0]!.dtype))
      this.#source.fail({
        at: `'${show(path.join('/'))}'`,
        expected: 'a shape and pieces of one dtype',
        found: 'others',
      });
    this.#add(path, shape, chunks);
  }

  #add(path: readonly string[], shape: readonly number[], pieces: readonly FlaxArray[]): void {
    const name = this.#names.take(path.length > 0 ? path : ['array']);
    const dtype = pieces[0]?.dtype ?? '';
    if (!isTensorDType(dtype)) {
      this.#skipped.push({ name, reason: `an array of dtype '${show(dtype)}', which is not read` });
      return;
    }
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    const needed = sizeOf(shape) * ELEMENT_BYTES[dtype as TensorDType];
    if (bytes !== needed)
      this.#source.fail({
        at: `'${show(name)}'`,
        expected: `${needed} bytes for [${shape.join(', ')}]`,
        found: `${bytes}`,
      });
    const { file, base = 0 } = this.#source;
    const location = pieces.length === 1 ? { file, offset: base + pieces[0]!.offset, bytes } : undefined;
    this.#tensors.push(new CheckpointTensor(file, { name, dtype, shape, location }, () => this.#load(pieces, bytes)));
  }

  #load(pieces: readonly FlaxArray[], bytes: number): Uint8Array {
    if (pieces.length === 1) return this.#source.read(pieces[0]!.offset, bytes);
    const all = new Uint8Array(bytes);
    let at = 0;
    for (const piece of pieces) {
      all.set(this.#source.read(piece.offset, piece.bytes), at);
      at += piece.bytes;
    }
    return all;
  }
}

const isList = (token: MsgpackToken, length: number): boolean => token.kind === 'array' && token.length === length;
const scalarOf = (token: MsgpackToken) => (token.kind === 'scalar' ? token.value : undefined);

/** Flax writes a list as a dictionary of '0', '1', … */
function listOf(value: FlaxValue | undefined): FlaxValue[] {
  const map = value instanceof Map ? value : new Map<string, FlaxValue>();
  return Array.from({ length: map.size }, (_, i) => map.get(`${i}`) ?? null);
}
