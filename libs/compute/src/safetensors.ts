/** @file Named arrays in a file that Python's safetensors reads, and those that it writes. */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import type { NdArray, NdArrays } from './nd-array.ts';
import { sizeOf } from './nd-array.ts';
import { convert, isVerbatim } from './safetensors-convert.ts';
import { BYTES, headerLength, HEADER_LIMIT, parseHeader, SafetensorsError, TEXT_OFFSET } from './safetensors-header.ts';
import type { Fail, SafetensorsEntry, SafetensorsHeader, StoredType } from './safetensors-header.ts';

export interface SafetensorsFile {
  readonly arrays: NdArrays;
  readonly metadata: { readonly [key: string]: string };
  /** What the file says about each tensor, with the dtype before conversion; in the order of the data. */
  readonly entries: readonly SafetensorsEntry[];
}

const DAMAGED = 'the file is damaged or no safetensors file: get it anew';

/**
 * The arrays of a file. Same as `readSafetensors(file).arrays`.
 *
 * @throws {SafetensorsError} see readSafetensors
 */
export const loadSafetensors = (file: string): NdArrays => readSafetensors(file).arrays;

/**
 * Reads a file whole, with its metadata.
 *
 * F32, I32 and BOOL are read as they are. F16 and BF16 become float32 exactly, F64 by rounding. I8, U8, I16 and U16
 * become int32; so do U32, I64 and U64, whose values must fit. Numbers are little-endian.
 *
 * @throws {SafetensorsError} when the file can't be read, its header is wrong (longer than 100 MB, not JSON, a name twice,
 *   offsets with gaps, overlaps or beyond the end, bytes that don't match dtype and shape), or a value doesn't fit
 */
export function readSafetensors(file: string): SafetensorsFile {
  return withFile(file, ({ fd, bytes, fail }) => {
    const { entries, metadata, dataOffset } = readHeader(fd, bytes, fail);
    const arrays: [string, NdArray][] = [];
    for (const entry of entries) arrays.push([entry.name, readArray(fd, entry, dataOffset, fail)]);
    return { arrays: Object.fromEntries(arrays), metadata, entries };
  });
}

/** Names, dtypes, shapes and metadata of a file, without reading its data. Checks and throws as readSafetensors. */
export const readSafetensorsHeader = (file: string): SafetensorsHeader =>
  withFile(file, ({ fd, bytes, fail }) => readHeader(fd, bytes, fail));

interface Opened {
  readonly fd: number;
  readonly bytes: number;
  readonly fail: Fail;
}

function withFile<T>(file: string, use: (opened: Opened) => T): T {
  const fail: Fail = (problem) => {
    throw new SafetensorsError({ remedy: DAMAGED, ...problem, file });
  };
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    return use({ fd, bytes: fstatSync(fd).size, fail });
  } catch (cause) {
    if (cause instanceof SafetensorsError) throw cause;
    const remedy = 'check the path and its permissions';
    throw new SafetensorsError(
      { file, expected: 'a readable file', found: (cause as Error).message, remedy },
      { cause },
    );
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function readHeader(fd: number, bytes: number, fail: Fail): SafetensorsHeader {
  const prefix = new Uint8Array(Math.min(TEXT_OFFSET, bytes));
  readFully(fd, prefix, 0, fail);
  const text = new Uint8Array(headerLength(prefix, bytes, fail));
  readFully(fd, text, TEXT_OFFSET, fail);
  return parseHeader(text, bytes, fail);
}

/** Reads straight into the array's own memory where nothing needs conversion. */
function readArray(fd: number, entry: SafetensorsEntry, dataOffset: number, fail: Fail): NdArray {
  const bytes = new Uint8Array(entry.end - entry.begin);
  readFully(fd, bytes, dataOffset + entry.begin, fail);
  const { shape, stored } = entry;
  if (!isVerbatim(stored) || stored === 'BOOL') return convert(entry, bytes, dataOffset, fail);
  return stored === 'F32'
    ? { dtype: 'float32', shape, data: new Float32Array(bytes.buffer) }
    : { dtype: 'int32', shape, data: new Int32Array(bytes.buffer) };
}

/** One call reads at most 1 GiB: the system gives no more than 2 GiB at once. */
const CALL_LIMIT = 2 ** 30;

function readFully(fd: number, target: Uint8Array, position: number, fail: Fail): void {
  let done = 0;
  while (done < target.length) {
    const got = readSync(fd, target, done, Math.min(target.length - done, CALL_LIMIT), position + done);
    if (got === 0)
      fail({ offset: position + done, expected: `${target.length - done} more bytes`, found: 'the end of the file' });
    done += got;
  }
}

const STORED: { readonly [D in NdArray['dtype']]: StoredType } = { float32: 'F32', int32: 'I32', bool: 'BOOL' };

/**
 * Writes arrays and metadata; equal arrays give equal bytes.
 *
 * The file appears whole or not at all: it is written as `<file>.tmp`, synced to the disk, and renamed. Data is aligned
 * to 8 bytes; the tensors are ordered by the size of their elements, then by name.
 *
 * @throws {SafetensorsError} when the file can't be written; what stood there before is kept
 * @throws {RangeError} on an array whose data doesn't fit its shape, or the name '__metadata__'
 */
export function saveSafetensors(
  file: string,
  arrays: NdArrays,
  metadata: { readonly [key: string]: string } = {},
): void {
  const { header, ordered } = encodeHeader(arrays, metadata);
  const temporary = `${file}.tmp`;
  let fd: number | undefined;
  try {
    fd = openSync(temporary, 'w');
    writeFully(fd, header);
    for (const { data } of ordered) writeFully(fd, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    fsyncSync(fd);
    closeSync(fd);
    fd = undefined;
    renameSync(temporary, file);
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    rmSync(temporary, { force: true });
    const remedy = 'free space on the disk or choose another folder; a file of this name is as it was before';
    throw new SafetensorsError(
      { file, expected: 'to write the file', found: (cause as Error).message, remedy },
      { cause },
    );
  }
  syncFolder(dirname(file));
}

function encodeHeader(arrays: NdArrays, metadata: { readonly [key: string]: string }) {
  const ordered = Object.entries(arrays).sort(
    ([a, x], [b, y]) => BYTES[STORED[y.dtype]] - BYTES[STORED[x.dtype]] || (a < b ? -1 : 1),
  );
  const json: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', sorted(metadata)]] : [];
  let at = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === '__metadata__')
      throw new RangeError("saveSafetensors: no array may be named '__metadata__'; rename it");
    if (data.length !== sizeOf(shape)) {
      throw new RangeError(
        `saveSafetensors: '${name}' with shape [${shape.join(', ')}] must have ${sizeOf(shape)} values, got ${data.length}`,
      );
    }
    json.push([name, { dtype: STORED[dtype], shape, data_offsets: [at, (at += data.byteLength)] }]);
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(json)));
  const length = Math.ceil(text.length / 8) * 8;
  if (length > HEADER_LIMIT)
    throw new RangeError(`saveSafetensors: header must be at most ${HEADER_LIMIT} bytes, got ${length}`);
  const header = Buffer.alloc(TEXT_OFFSET + length, ' ');
  header.writeBigUInt64LE(BigInt(length), 0);
  text.copy(header, TEXT_OFFSET);
  return { header, ordered: ordered.map(([, array]) => array) };
}

const sorted = (metadata: { readonly [key: string]: string }) =>
  Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));

function writeFully(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, Math.min(bytes.length - done, CALL_LIMIT));
}

/** Makes the rename survive a power cut; some systems can't sync a folder, and then there is nothing more to do. */
function syncFolder(folder: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(folder, 'r');
    fsyncSync(fd);
  } catch {
    // Windows doesn't open folders; the file itself has been synced.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
