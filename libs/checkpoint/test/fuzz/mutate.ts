/** @file Damages files in many ways, from a seed. */
import type { RandomStream } from '@weightspace/compute';
import { unzipSync, zipSync } from 'fflate';

/** Numbers that sizes, offsets and lengths go wrong at. */
const EXTREMES = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
/** Pieces that mean something in one format or another. */
const PIECES = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    '(',
    ')',
    '-1',
    '99999999999999999999',
    '1e308',
    'null',
    '\0',
    '__proto__',
    '"shape":[4294967296,4294967296]',
  ],
  ...[
    'F64',
    'BF16',
    'I8',
    '<f8',
    '>f2',
    '<U9',
    '|O',
    'True',
    'float16',
    'uint8',
    'string',
    '../../../etc/hostname',
    '/etc/hostname',
  ],
  ...[
    'cposix\nsystem\n',
    'R',
    'b',
    'q\x00h\x00',
    '}q\x00',
    ']q\x01h\x01a',
    '\x8a\xff',
    'PK\x01\x02',
    'PK\x05\x06',
    'PK\x03\x04',
  ],
];

/** A whole number below `end`. */
export const below = (random: RandomStream, end: number): number =>
  Math.min(end - 1, Math.floor(random.uniform([1]).data[0]! * end));

const pick = <T>(random: RandomStream, items: readonly T[]): T => items[below(random, items.length)]!;

/** Places near the beginning and the end, where headers and directories are, come up more often. */
function place(random: RandomStream, length: number): number {
  const reach = Math.min(length, pick(random, [32, 256, length, length]));
  const from = below(random, Math.max(1, reach));
  return below(random, 4) === 0 ? Math.max(0, length - 1 - from) : from;
}

type Mutation = (bytes: Buffer, random: RandomStream) => Buffer;

const mutations: readonly Mutation[] = [
  function truncate(bytes, random) {
    return bytes.subarray(0, below(random, bytes.length));
  },
  function flipBytes(bytes, random) {
    const damaged = Buffer.from(bytes);
    const count = 1 + below(random, 8);
    for (let i = 0; i < count; i++) damaged[place(random, bytes.length)]! ^= 1 + below(random, 255);
    return damaged;
  },
  function flipBit(bytes, random) {
    const damaged = Buffer.from(bytes);
    damaged[place(random, bytes.length)]! ^= 1 << below(random, 8);
    return damaged;
  },
  function extremeNumber(bytes, random) {
    const damaged = Buffer.from(bytes);
    const width = pick(random, [1, 2, 4, 8]);
    const at = Math.min(place(random, bytes.length), Math.max(0, bytes.length - width));
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(pick(random, EXTREMES));
    number.copy(damaged, at, 0, width);
    return damaged;
  },
  function remove(bytes, random) {
    const at = place(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 64))]);
  },
  function repeat(bytes, random) {
    const at = place(random, bytes.length);
    const end = at + 1 + below(random, 512);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  },
  function insert(bytes, random) {
    const at = place(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(random, PIECES), 'latin1'), bytes.subarray(at)]);
  },
  function overwrite(bytes, random) {
    const damaged = Buffer.from(bytes);
    Buffer.from(pick(random, PIECES), 'latin1').copy(damaged, place(random, bytes.length));
    return damaged;
  },
  /** A number in a text, such as a size in JSON, becomes another one. */
  function changeDigits(bytes, random) {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    if (numbers.length === 0) return bytes.subarray(1);
    const { 0: old, index } = pick(random, numbers);
    const other = pick(random, ['0', '-1', '3.5', '1e9', '4294967296', '9007199254740993', '1'.repeat(40)]);
    return Buffer.from(text.slice(0, index) + other + text.slice(index + old.length), 'latin1');
  },
  function swapHalves(bytes, random) {
    const at = place(random, bytes.length);
    return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
  },
];

/** A damaged copy, by one or two mutations. */
export function mutate(bytes: Buffer, random: RandomStream): Buffer {
  const once = pick(random, mutations)(bytes, random);
  return below(random, 3) === 0 && once.length > 0 ? pick(random, mutations)(once, random) : once;
}

/** A safetensors file whose header is damaged, with the length that it then has. */
export function mutateHeader(bytes: Buffer, random: RandomStream): Buffer {
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = mutate(bytes.subarray(8, end), random);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, bytes.subarray(end)]);
}

/** A whole zip, one of whose entries is damaged; where a PyTorch file's pickle is one of them, mostly that. */
export function mutateInside(bytes: Buffer, random: RandomStream): Buffer {
  const entries = unzipSync(bytes);
  const names = Object.keys(entries);
  const pickle = names.find((name) => name.endsWith('data.pkl'));
  const name = pickle !== undefined && below(random, 4) > 0 ? pickle : pick(random, names);
  const damaged = mutate(Buffer.from(entries[name]!), random);
  return Buffer.from(zipSync({ ...entries, [name]: damaged }, { level: below(random, 2) === 0 ? 0 : 6 }));
}
