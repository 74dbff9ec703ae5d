/** @file Reads a source from front to back through a small window, number by number. */
import type { ByteSource, SourceProblem } from './byte-source.ts';

const WINDOW = 2 ** 16;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A place in a source that moves on with each read. Reads beyond `end` fail with the place. */
export class Cursor {
  readonly source: ByteSource;
  readonly end: number;
  #at: number;
  #window: DataView = new DataView(new ArrayBuffer(0));
  #windowAt = 0;

  constructor(source: ByteSource, begin = 0, end = source.size) {
    this.source = source;
    this.#at = begin;
    this.end = end;
  }

  get position(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.end;
  }

  /** @param offset where it went wrong; without it, the present place */
  fail(problem: SourceProblem): never {
    return this.source.fail({ offset: this.#at, ...problem });
  }

  /** Goes to a place before `end`. */
  seek(position: number): void {
    if (position < 0 || position > this.end) this.#beyond(position - this.#at);
    this.#at = position;
  }

  skip(length: number): void {
    if (!(length >= 0) || this.#at + length > this.end) this.#beyond(length);
    this.#at += length;
  }

  u8(): number {
    return this.#view(1).getUint8(this.#advance(1));
  }

  i8(): number {
    return this.#view(1).getInt8(this.#advance(1));
  }

  u16(littleEndian: boolean): number {
    return this.#view(2).getUint16(this.#advance(2), littleEndian);
  }

  i16(littleEndian: boolean): number {
    return this.#view(2).getInt16(this.#advance(2), littleEndian);
  }

  u32(littleEndian: boolean): number {
    return this.#view(4).getUint32(this.#advance(4), littleEndian);
  }

  i32(littleEndian: boolean): number {
    return this.#view(4).getInt32(this.#advance(4), littleEndian);
  }

  u64(littleEndian: boolean): bigint {
    return this.#view(8).getBigUint64(this.#advance(8), littleEndian);
  }

  i64(littleEndian: boolean): bigint {
    return this.#view(8).getBigInt64(this.#advance(8), littleEndian);
  }

  f32(littleEndian: boolean): number {
    return this.#view(4).getFloat32(this.#advance(4), littleEndian);
  }

  f64(littleEndian: boolean): number {
    return this.#view(8).getFloat64(this.#advance(8), littleEndian);
  }

  /** A length of 64 bits that there are bytes for. */
  length64(littleEndian: boolean): number {
    const length = this.u64(littleEndian);
    if (length > BigInt(this.end - this.#at)) this.#beyond(length);
    return Number(length);
  }

  bytes(length: number): Uint8Array {
    const from = this.#at;
    this.skip(length);
    const inside = from - this.#windowAt;
    if (inside >= 0 && inside + length <= this.#window.byteLength)
      return new Uint8Array(this.#window.buffer, this.#window.byteOffset + inside, length).slice();
    return this.source.read(from, length);
  }

  /** @throws {CheckpointError} when the bytes are no UTF-8 */
  text(length: number): string {
    const offset = this.#at;
    const bytes = this.bytes(length);
    try {
      return utf8.decode(bytes);
    } catch {
      return this.fail({ offset, expected: 'text in UTF-8', found: 'bytes that are not' });
    }
  }

  /** Text up to the next line feed, which is passed over. */
  line(limit: number): string {
    const codes: number[] = [];
    for (let byte = this.u8(); byte !== 0x0a; byte = this.u8()) {
      if (codes.length >= limit) this.fail({ expected: `a line of at most ${limit} bytes`, found: 'a longer one' });
      codes.push(byte);
    }
    return Buffer.from(codes).toString('latin1');
  }

  #advance(length: number): number {
    const at = this.#at - this.#windowAt;
    this.#at += length;
    return at;
  }

  /** A window that holds the next `length` bytes. */
  #view(length: number): DataView {
    const inside = this.#at - this.#windowAt;
    if (this.#at + length > this.end) this.#beyond(length);
    if (inside >= 0 && inside + length <= this.#window.byteLength) return this.#window;
    const bytes = this.source.read(this.#at, Math.min(WINDOW, this.end - this.#at));
    this.#window = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#windowAt = this.#at;
    return this.#window;
  }

  #beyond(length: number | bigint): never {
    return this.fail({ expected: `${length} more bytes`, found: `${Math.max(0, this.end - this.#at)} before the end` });
  }
}
