/** @file MessagePack by its tokens: payloads are passed over and named by their place, so that nothing large is read. */
import type { Cursor } from './cursor.ts';

/** One value; of a map or an array only the head, its items follow. */
export type MsgpackToken =
  | { readonly kind: 'scalar'; readonly value: string | number | bigint | boolean | null }
  | { readonly kind: 'map' | 'array'; readonly length: number }
  | { readonly kind: 'bytes'; readonly offset: number; readonly length: number }
  | { readonly kind: 'extension'; readonly type: number; readonly offset: number; readonly length: number };

const TEXT_LIMIT = 2 ** 20;

/**
 * Reads one token and moves on behind it. A map's head counts its pairs.
 *
 * @throws {CheckpointError} when it is cut, or claims more items than bytes are left
 */
export function readToken(cursor: Cursor): MsgpackToken {
  const start = cursor.position;
  const first = cursor.u8();
  if (first <= 0x7f) return scalar(first);
  if (first <= 0x8f) return container(cursor, 'map', first & 0xf);
  if (first <= 0x9f) return container(cursor, 'array', first & 0xf);
  if (first <= 0xbf) return text(cursor, first & 0x1f);
  if (first >= 0xe0) return scalar(first - 256);
  const read = WIDE[first];
  return read
    ? read(cursor)
    : cursor.fail({ offset: start, expected: 'a value of MessagePack', found: 'the unused byte 0xc1' });
}

const scalar = (value: string | number | bigint | boolean | null): MsgpackToken => ({ kind: 'scalar', value });

function container(cursor: Cursor, kind: 'map' | 'array', length: number): MsgpackToken {
  const needed = length * (kind === 'map' ? 2 : 1);
  const left = cursor.end - cursor.position;
  if (needed > left)
    cursor.fail({
      expected: `${needed} values in ${kind === 'map' ? 'a' : 'an'} ${kind}`,
      found: `${left} bytes for them`,
    });
  return { kind, length };
}

function text(cursor: Cursor, length: number): MsgpackToken {
  if (length > TEXT_LIMIT) cursor.fail({ expected: `a text of at most ${TEXT_LIMIT} bytes`, found: `${length}` });
  return scalar(cursor.text(length));
}

function bytes(cursor: Cursor, length: number): MsgpackToken {
  const offset = cursor.position;
  cursor.skip(length);
  return { kind: 'bytes', offset, length };
}

function extension(cursor: Cursor, length: number): MsgpackToken {
  const type = cursor.i8();
  const offset = cursor.position;
  cursor.skip(length);
  return { kind: 'extension', type, offset, length };
}

const small = (value: bigint): MsgpackToken => scalar(Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** The values whose first byte says only of what kind they are. */
const WIDE: { readonly [first: number]: (cursor: Cursor) => MsgpackToken } = {
  0xc0: () => scalar(null),
  0xc2: () => scalar(false),
  0xc3: () => scalar(true),
  0xc4: (cursor) => bytes(cursor, cursor.u8()),
  0xc5: (cursor) => bytes(cursor, cursor.u16(false)),
  0xc6: (cursor) => bytes(cursor, cursor.u32(false)),
  0xc7: (cursor) => extension(cursor, cursor.u8()),
  0xc8: (cursor) => extension(cursor, cursor.u16(false)),
  0xc9: (cursor) => extension(cursor, cursor.u32(false)),
  0xca: (cursor) => scalar(cursor.f32(false)),
  0xcb: (cursor) => scalar(cursor.f64(false)),
  0xcc: (cursor) => scalar(cursor.u8()),
  0xcd: (cursor) => scalar(cursor.u16(false)),
  0xce: (cursor) => scalar(cursor.u32(false)),
  0xcf: (cursor) => small(cursor.u64(false)),
  0xd0: (cursor) => scalar(cursor.i8()),
  0xd1: (cursor) => scalar(cursor.i16(false)),
  0xd2: (cursor) => scalar(cursor.i32(false)),
  0xd3: (cursor) => small(cursor.i64(false)),
  0xd4: (cursor) => extension(cursor, 1),
  0xd5: (cursor) => extension(cursor, 2),
  0xd6: (cursor) => extension(cursor, 4),
  0xd7: (cursor) => extension(cursor, 8),
  0xd8: (cursor) => extension(cursor, 16),
  0xd9: (cursor) => text(cursor, cursor.u8()),
  0xda: (cursor) => text(cursor, cursor.u16(false)),
  0xdb: (cursor) => text(cursor, cursor.u32(false)),
  0xdc: (cursor) => container(cursor, 'array', cursor.u16(false)),
  0xdd: (cursor) => container(cursor, 'array', cursor.u32(false)),
  0xde: (cursor) => container(cursor, 'map', cursor.u16(false)),
  0xdf: (cursor) => container(cursor, 'map', cursor.u32(false)),
};
