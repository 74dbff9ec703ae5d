/**
 * @file MATLAB's MAT-files of level 5 (`-v6`, `-v7`): numeric arrays, compressed or not.
 *
 * After a header of 128 bytes come elements: a tag of a type and a length, then the content. A compressed element holds one
 * other element, deflated. An array is an element of four: flags, sizes, name, numbers.
 */
import { inflateSync } from 'node:zlib';

import { DatasetError } from './dataset-error.ts';

type Numbers =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** A numeric array; the first axis is the fastest. */
export interface MatArray {
  readonly kind: string;
  readonly shape: readonly number[];
  readonly data: Numbers;
}

/** Most bytes that an array may take when it is inflated: the training digits of SVHN take 225 MB. */
const INFLATED_LIMIT = 2 ** 29;
const HEADER = 128;
const [MATRIX, COMPRESSED] = [14, 15];

/** How numbers are stored; MATLAB stores doubles that are whole and small in fewer bytes. */
const STORED: {
  readonly [type: number]: { readonly kind: string; readonly make: new (bytes: ArrayBuffer) => Numbers };
} = {
  1: { kind: 'int8', make: Int8Array },
  2: { kind: 'uint8', make: Uint8Array },
  3: { kind: 'int16', make: Int16Array },
  4: { kind: 'uint16', make: Uint16Array },
  5: { kind: 'int32', make: Int32Array },
  6: { kind: 'uint32', make: Uint32Array },
  7: { kind: 'single', make: Float32Array },
  9: { kind: 'double', make: Float64Array },
};
/** Classes of numeric arrays: double, single, int8 … uint32. */
const NUMERIC = { first: 6, last: 13 };

/**
 * The named arrays of a file; others are passed over.
 *
 * @throws {DatasetError} when an array is missing, isn't numeric and real, or the file is damaged or of another version
 */
export function readMat(bytes: Uint8Array, file: string, names: readonly string[]): { [name: string]: MatArray } {
  const whole = new Part(file, bytes, 0);
  checkHeader(whole);
  const found = new Map<string, MatArray>();
  const others: string[] = [];
  for (let at = HEADER; at < bytes.length;) {
    const element = whole.element(at);
    at = element.type === COMPRESSED ? element.end : element.padded;
    const content = element.type === COMPRESSED ? inflated(element.content) : element.content;
    const matrix = element.type === COMPRESSED ? content.element(0) : element;
    if (matrix.type !== MATRIX) continue;
    const name = nameOf(matrix.content);
    if (!names.includes(name)) others.push(name);
    else if (found.has(name)) matrix.content.fail(0, `${name} once`, 'it twice');
    else found.set(name, arrayOf(matrix.content, name));
  }
  const missing = names.find((name) => !found.has(name));
  if (missing !== undefined)
    whole.fail(undefined, `an array ${missing}`, [...found.keys(), ...others].join(', ') || 'none');
  return Object.fromEntries(found);
}

function checkHeader(part: Part): void {
  const { bytes } = part;
  if (bytes.length < HEADER) part.fail(0, `a header of ${HEADER} bytes`, `${bytes.length} bytes`);
  const mark = String.fromCharCode(bytes[126]!, bytes[127]!);
  const text = Buffer.from(bytes.subarray(0, 20)).toString('latin1');
  if (mark === 'MI') part.fail(126, 'little-endian numbers', 'big-endian ones');
  if (text.startsWith('MATLAB 7.3') || (mark === 'IM' && bytes[125] === 2))
    part.fail(124, "MATLAB's level 5", 'version 7.3, which is HDF5: save it with -v7');
  if (mark !== 'IM' || bytes[125] !== 1) part.fail(124, "MATLAB's level 5", 'another kind of file');
}

/** Bytes of the file, or inflated ones. */
class Part {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Byte of the file at which it begins; undefined for inflated bytes. */
  readonly #base: number | undefined;

  constructor(file: string, bytes: Uint8Array, base: number | undefined) {
    this.file = file;
    this.bytes = bytes;
    this.#base = base;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(at: number): number {
    if (at + 4 > this.bytes.length) this.fail(at, 'four more bytes', `${Math.max(0, this.bytes.length - at)}`);
    return this.#view.getUint32(at, true);
  }

  /** An element of at most four bytes has its length in the upper half of the type. */
  element(at: number): Element {
    const word = this.u32(at);
    const small = word >>> 16;
    const [type, length, begin] = small > 0 ? [word & 0xffff, small, at + 4] : [word, this.u32(at + 4), at + 8];
    const end = begin + length;
    if (small > 4) this.fail(at, 'a small element of at most 4 bytes', `${small}`);
    if (end > this.bytes.length)
      this.fail(at, `an element of ${length} bytes`, `${this.bytes.length - begin} before the end`);
    const base = this.#base === undefined ? undefined : this.#base + begin;
    const content = new Part(this.file, this.bytes.subarray(begin, end), base);
    return { type, content, end, padded: small > 0 ? at + 8 : Math.ceil(end / 8) * 8 };
  }

  fail(at: number | undefined, expected: string, found: string): never {
    const place =
      at === undefined ? {} : { at: this.#base === undefined ? `inflated byte ${at}` : `byte ${this.#base + at}` };
    throw new DatasetError(this.file, {
      ...place,
      expected,
      found,
      remedy: 'the file is damaged or another: get it anew',
    });
  }
}

interface Element {
  readonly type: number;
  readonly content: Part;
  /** Byte behind the content, and behind the padding to eight bytes. */
  readonly end: number;
  readonly padded: number;
}

function inflated(part: Part): Part {
  try {
    return new Part(part.file, inflateSync(part.bytes, { maxOutputLength: INFLATED_LIMIT }), undefined);
  } catch (cause) {
    return part.fail(
      0,
      `deflated data of at most ${INFLATED_LIMIT} bytes`,
      cause instanceof Error ? cause.message : String(cause),
    );
  }
}

/** Flags, sizes, name. */
function beginning(matrix: Part) {
  const flags = matrix.element(0);
  const sizes = matrix.element(flags.padded);
  const name = matrix.element(sizes.padded);
  return { flags, sizes, name };
}

const nameOf = (matrix: Part): string =>
  Buffer.from(beginning(matrix).name.content.bytes).toString('latin1').slice(0, 64);

function arrayOf(matrix: Part, name: string): MatArray {
  const { flags, sizes, name: last } = beginning(matrix);
  const word = flags.content.u32(0);
  const kind = word & 0xff;
  if (kind < NUMERIC.first || kind > NUMERIC.last || (word & 0x800) !== 0)
    matrix.fail(
      0,
      `${name} to be an array of real numbers of at most 32 bits, or doubles`,
      `class ${kind}${(word & 0x800) === 0 ? '' : ', complex'}`,
    );
  const shape = Array.from({ length: sizes.content.bytes.length / 4 }, (_, i) => sizes.content.u32(4 * i));
  const numbers = matrix.element(last.padded);
  const stored = STORED[numbers.type];
  if (!stored)
    return matrix.fail(last.padded, `${name} in numbers of at most 32 bits, or doubles`, `type ${numbers.type}`);
  const { bytes } = numbers.content;
  const count = shape.reduce((product, size) => product * size, 1);
  const width = bytes.length / Math.max(1, count);
  if (![1, 2, 4, 8].includes(width) && count > 0)
    matrix.fail(last.padded, `${count} numbers for ${name} [${shape.join(', ')}]`, `${bytes.length} bytes`);
  // Typed arrays of more than a byte need aligned bytes: a copy of their own.
  const data = stored.make === Uint8Array ? bytes : new stored.make(new Uint8Array(bytes).buffer);
  if (data.length !== count)
    matrix.fail(last.padded, `${count} numbers for ${name} [${shape.join(', ')}]`, `${data.length}`);
  return { kind: stored.kind, shape, data };
}
