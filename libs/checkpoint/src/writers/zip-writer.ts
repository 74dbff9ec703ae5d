/** @file A zip of stored entries; zip64 where sizes need it. */
import type { Sink } from '../io/atomic-file.ts';

const FULL = 0xffffffff;
/** Names are UTF-8. */
const UTF8 = 1 << 11;
/** 1 January 1980, the first day that a zip knows, so that equal contents give equal bytes. */
const DATE = (1 << 5) | 1;

interface Entry {
  readonly name: Buffer;
  readonly crc: number;
  readonly bytes: number;
  readonly offset: number;
}

export class ZipWriter {
  readonly #sink: Sink;
  readonly #entries: Entry[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** @param crc CRC-32 of all parts together */
  add(name: string, parts: readonly Uint8Array[], crc: number): void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const entry = { name: Buffer.from(name), crc, bytes, offset: this.#sink.position };
    const extra = bytes >= FULL ? wide([bytes, bytes]) : Buffer.alloc(0);
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    common(header, 4, entry, extra.length);
    this.#sink.write(Buffer.concat([header, entry.name, extra]));
    for (const part of parts) this.#sink.write(part);
    this.#entries.push(entry);
  }

  /** Writes the directory. */
  finish(): void {
    const begin = this.#sink.position;
    for (const entry of this.#entries) this.#sink.write(directoryEntry(entry));
    const [count, bytes] = [this.#entries.length, this.#sink.position - begin];
    if (count >= 0xffff || bytes >= FULL || begin >= FULL)
      this.#sink.write(end64(count, bytes, begin, this.#sink.position));
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    for (const at of [8, 10]) end.writeUInt16LE(Math.min(count, 0xffff), at);
    end.writeUInt32LE(Math.min(bytes, FULL), 12);
    end.writeUInt32LE(Math.min(begin, FULL), 16);
    this.#sink.write(end);
  }
}

/** The fields that an entry's own header and the directory have in common, from the version on. */
function common(header: Buffer, at: number, { name, crc, bytes }: Entry, extraLength: number): void {
  header.writeUInt16LE(extraLength > 0 ? 45 : 20, at);
  header.writeUInt16LE(UTF8, at + 2);
  header.writeUInt16LE(DATE, at + 8);
  header.writeUInt32LE(crc, at + 10);
  for (const size of [at + 14, at + 18]) header.writeUInt32LE(Math.min(bytes, FULL), size);
  header.writeUInt16LE(name.length, at + 22);
  header.writeUInt16LE(extraLength, at + 24);
}

function directoryEntry(entry: Entry): Buffer {
  const { name, bytes, offset } = entry;
  const values = [...(bytes >= FULL ? [bytes, bytes] : []), ...(offset >= FULL ? [offset] : [])];
  const extra = values.length > 0 ? wide(values) : Buffer.alloc(0);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(45, 4);
  common(header, 6, entry, extra.length);
  header.writeUInt32LE(Math.min(offset, FULL), 42);
  return Buffer.concat([header, name, extra]);
}

/** The extra field of zip64. */
function wide(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  return extra;
}

/** The zip64 end record, and the record that says where it is. */
function end64(count: number, bytes: number, begin: number, position: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  for (const at of [12, 14]) end.writeUInt16LE(45, at);
  for (const at of [24, 32]) end.writeBigUInt64LE(BigInt(count), at);
  end.writeBigUInt64LE(BigInt(bytes), 40);
  end.writeBigUInt64LE(BigInt(begin), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(position), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
