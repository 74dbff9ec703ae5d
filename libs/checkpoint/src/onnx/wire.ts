/** @file Protobuf's wire format, field by field, without reading what isn't asked for. */
import type { Cursor } from '../io/cursor.ts';

export interface WireField {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 bytes with a length, 5 four bytes. */
  readonly wire: 0 | 1 | 2 | 5;
  /** Of a varint. */
  readonly value: bigint;
  /** The payload's place; for a varint, its own bytes. */
  readonly begin: number;
  readonly end: number;
}

/** @throws {CheckpointError} when it is longer than 10 bytes */
export function readVarint(cursor: Cursor): bigint {
  let [low, high] = [0, 0n];
  for (let i = 0; i < 4; i++) {
    const byte = cursor.u8();
    low |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return BigInt(low);
  }
  for (let i = 4n; i < 10n; i++) {
    const byte = cursor.u8();
    high |= BigInt(byte & 0x7f) << (7n * i);
    if (byte < 0x80) return BigInt.asUintN(64, high | BigInt(low));
  }
  return cursor.fail({ expected: 'an integer of at most 10 bytes', found: 'a longer one' });
}

/** Calls `visit` with each field of the message from the cursor's place to its end; payloads are passed over. */
export function eachField(cursor: Cursor, visit: (field: WireField) => void): void {
  while (!cursor.done) {
    const field = readField(cursor);
    visit(field);
    cursor.seek(field.end);
  }
}

function readField(cursor: Cursor): WireField {
  const start = cursor.position;
  const tag = readVarint(cursor);
  const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
  if (number === 0 || number > 2 ** 29)
    cursor.fail({ offset: start, expected: 'a field of a message', found: `field number ${number}` });
  const begin = cursor.position;
  if (wire === 0) return { number, wire, value: readVarint(cursor), begin, end: cursor.position };
  if (wire === 1 || wire === 5) {
    cursor.skip(wire === 1 ? 8 : 4);
    return { number, wire, value: 0n, begin, end: cursor.position };
  }
  if (wire !== 2) return cursor.fail({ offset: start, expected: 'a field of a known kind', found: `kind ${wire}` });
  const length = readVarint(cursor);
  const payload = cursor.position;
  if (length > BigInt(cursor.end - payload))
    cursor.fail({ offset: start, expected: `${length} bytes in field ${number}`, found: `${cursor.end - payload}` });
  return { number, wire, value: 0n, begin: payload, end: payload + Number(length) };
}
