/** @file The list of a zip's entries, and their bytes by range where they are stored as they are. */
import { crc32 } from 'node:zlib';

import { show } from '../checkpoint-error.ts';
import { DerivedSource, Section } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { Cursor } from './cursor.ts';
import { inflateAll, inflateStart } from './inflate.ts';

export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly crc: number;
  /** Byte of the file at which the entry's own header begins. */
  readonly headerOffset: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** About a million entries. */
const DIRECTORY_LIMIT = 2 ** 26;

/** Reads the central directory of a zip; zip64 too. */
export class Zip {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #source: ByteSource;
  readonly #expansionLimit: number;

  /** @throws {CheckpointError} when it is no whole zip, or holds a name twice */
  constructor(source: ByteSource, expansionLimit: number) {
    this.#source = source;
    this.#expansionLimit = expansionLimit;
    this.entries = readDirectory(source);
  }

  /**
   * The contents of an entry.
   *
   * @param checksum whether a read of the whole entry is checked against its CRC-32; deflated ones always are
   * @throws {CheckpointError} when its header is wrong, or it would inflate beyond the limit
   */
  open(entry: ZipEntry, checksum = true): ByteSource {
    const { name, bytes, compressedBytes, deflated } = entry;
    const at = `entry '${show(name)}'`;
    const raw = new Section(this.#source, this.#dataOffset(entry, at), compressedBytes, at);
    if (!deflated) return checksum ? new CheckedSection(raw, entry.crc) : raw;
    return new DerivedSource(raw.file, at, bytes, (end) => {
      if (end <= Math.min(bytes - 1, 2 ** 16)) return inflateStart(raw, end);
      this.#checkExpansion(raw, entry);
      const inflated = inflateAll(raw, bytes);
      checkCrc(raw, inflated, entry.crc);
      return inflated;
    });
  }

  #checkExpansion(raw: ByteSource, { bytes, compressedBytes }: ZipEntry): void {
    if (bytes - compressedBytes <= this.#expansionLimit) return;
    raw.fail({
      offset: 0,
      expected: `an entry that grows by at most ${this.#expansionLimit} bytes when inflated`,
      found: `one that grows from ${compressedBytes} to ${bytes}`,
      remedy: 'if you trust the file, raise expansionLimit',
    });
  }

  /** The entry's own header, which may be of another length than the directory's copy. */
  #dataOffset({ name, headerOffset, compressedBytes }: ZipEntry, at: string): number {
    const cursor = new Cursor(
      new Section(this.#source, 0, this.#source.size, at),
      Math.min(headerOffset, this.#source.size),
    );
    if (cursor.u32(true) !== LOCAL)
      cursor.fail({ offset: headerOffset, expected: 'a header of a zip entry', found: 'other bytes' });
    cursor.skip(22);
    const [nameLength, extraLength] = [cursor.u16(true), cursor.u16(true)];
    const found = Buffer.from(cursor.bytes(nameLength)).toString('utf8');
    if (found !== name)
      cursor.fail({ offset: headerOffset, expected: `the entry '${show(name)}'`, found: `'${show(found)}'` });
    cursor.skip(extraLength);
    const offset = cursor.position;
    cursor.skip(compressedBytes);
    return offset;
  }
}

/** Stored bytes whose checksum is compared when all of them are read. */
class CheckedSection extends Section {
  readonly #crc: number;

  constructor(raw: Section, crc: number) {
    super(raw.whole, raw.begin, raw.size, raw.at);
    this.#crc = crc;
  }

  protected override readChecked(offset: number, length: number): Uint8Array {
    const bytes = super.readChecked(offset, length);
    if (length === this.size) checkCrc(this, bytes, this.#crc);
    return bytes;
  }
}

function checkCrc(source: ByteSource, bytes: Uint8Array, expected: number): void {
  const found = crc32(bytes);
  if (found !== expected) source.fail({ offset: 0, expected: `data with the checksum ${expected}`, found: `${found}` });
}

interface Directory {
  readonly count: number;
  readonly bytes: number;
  readonly offset: number;
}

function readDirectory(source: ByteSource): ReadonlyMap<string, ZipEntry> {
  const { count, bytes, offset } = findDirectory(source);
  if (bytes > DIRECTORY_LIMIT || count * 46 > bytes || offset + bytes > source.size) {
    source.fail({
      offset: Math.min(offset, source.size),
      expected: `a directory of ${count} entries within the file`,
      found: `${bytes} bytes for it from byte ${offset} on`,
    });
  }
  const cursor = new Cursor(source, offset, offset + bytes);
  const entries = new Map<string, ZipEntry>();
  for (let i = 0; i < count; i++) {
    const start = cursor.position;
    const entry = readEntry(cursor);
    if (entries.has(entry.name))
      cursor.fail({ offset: start, expected: 'every entry once', found: `'${show(entry.name)}' twice` });
    entries.set(entry.name, entry);
  }
  return entries;
}

/** The end record stands at the end, before a comment of at most 65,535 bytes. */
function findDirectory(source: ByteSource): Directory {
  const from = Math.max(0, source.size - 65557);
  const tail = Buffer.from(source.read(from, source.size - from));
  let at = -1;
  for (let i = tail.length - 22; i >= 0 && at < 0; i--) {
    if (tail.readUInt32LE(i) === END && i + 22 + tail.readUInt16LE(i + 20) === tail.length) at = i;
  }
  if (at < 0)
    source.fail({ offset: source.size, expected: 'the end record of a zip', found: 'none: the file was probably cut' });
  const plain = {
    count: tail.readUInt16LE(at + 10),
    bytes: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  const needs64 = plain.count === 0xffff || plain.bytes === 0xffffffff || plain.offset === 0xffffffff;
  const locator = at - 20;
  if (!needs64 || locator < 0 || tail.readUInt32LE(locator) !== LOCATOR_64) return plain;
  return readEnd64(source, tail.readBigUInt64LE(locator + 8));
}

function readEnd64(source: ByteSource, offset: bigint): Directory {
  const cursor = new Cursor(source, offset > BigInt(source.size) ? source.size : Number(offset));
  const start = cursor.position;
  if (cursor.u32(true) !== END_64) cursor.fail({ offset: start, expected: 'a zip64 end record', found: 'other bytes' });
  cursor.skip(28);
  const [count, bytes, begin] = [cursor.u64(true), cursor.u64(true), cursor.u64(true)];
  return { count: Number(count), bytes: Number(bytes), offset: Number(begin) };
}

function readEntry(cursor: Cursor): ZipEntry {
  const start = cursor.position;
  if (cursor.u32(true) !== CENTRAL)
    cursor.fail({ offset: start, expected: 'an entry of the directory', found: 'other bytes' });
  cursor.skip(4);
  const [flags, method] = [cursor.u16(true), cursor.u16(true)];
  cursor.skip(4);
  const crc = cursor.u32(true);
  const sizes = [cursor.u32(true), cursor.u32(true)];
  const [nameLength, extraLength, commentLength] = [cursor.u16(true), cursor.u16(true), cursor.u16(true)];
  cursor.skip(8);
  sizes.unshift(cursor.u32(true));
  const name = Buffer.from(cursor.bytes(nameLength)).toString('utf8');
  const extra = cursor.bytes(extraLength);
  cursor.skip(commentLength);
  const at = `entry '${show(name)}'`;
  const remedy = 'write the zip again, stored or deflated, without a password';
  if (flags & 1)
    cursor.fail({ at, offset: start, expected: 'an entry that is not encrypted', found: 'an encrypted one', remedy });
  if (method !== 0 && method !== 8)
    cursor.fail({
      at,
      offset: start,
      expected: 'a stored or deflated entry',
      found: `compression method ${method}`,
      remedy,
    });
  const [headerOffset, compressedBytes, bytes] = withZip64(sizes, extra);
  if (method === 0 && bytes !== compressedBytes)
    cursor.fail({ at, offset: start, expected: `${compressedBytes} bytes, as stored`, found: `${bytes}` });
  return { name, deflated: method === 8, compressedBytes, bytes, crc, headerOffset };
}

/** Sizes beyond 4 GiB stand in an extra field: size, compressed size, offset, each only if its own field is full. */
function withZip64(sizes: readonly number[], extra: Uint8Array): [number, number, number] {
  const [headerOffset, compressedBytes, bytes] = sizes as [number, number, number];
  const field = extraField(extra, 1);
  let at = 0;
  const wide = (value: number): number => {
    if (value !== 0xffffffff || !field || at + 8 > field.byteLength) return value;
    at += 8;
    return Number(field.getBigUint64(at - 8, true));
  };
  const [wideBytes, wideCompressed] = [wide(bytes), wide(compressedBytes)];
  return [wide(headerOffset), wideCompressed, wideBytes];
}

function extraField(extra: Uint8Array, id: number): DataView | undefined {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.byteLength);
  for (let at = 0; at + 4 <= view.byteLength; at += 4 + view.getUint16(at + 2, true)) {
    const length = Math.min(view.getUint16(at + 2, true), view.byteLength - at - 4);
    if (view.getUint16(at, true) === id) return new DataView(extra.buffer, extra.byteOffset + at + 4, length);
  }
  return undefined;
}
