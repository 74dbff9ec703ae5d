/** @file The header of a safetensors file: what may stand in it, and everything that can be wrong with it. */
import { sizeOf } from './nd-array.ts';

/** A safetensors file couldn't be read or written. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly file: string;
  /** Byte in the file at which it went wrong; undefined where no byte is to blame, e.g. for a missing file. */
  readonly offset: number | undefined;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;

  constructor(problem: Problem & { readonly file: string; readonly remedy: string }, options?: ErrorOptions) {
    const { file, offset, expected, found, remedy } = problem;
    super(
      `${file}${offset === undefined ? '' : `, byte ${offset}`}: expected ${expected}, found ${found}; ${remedy}`,
      options,
    );
    this.file = file;
    this.offset = offset;
    this.expected = expected;
    this.found = found;
    this.remedy = remedy;
  }
}

export interface Problem {
  readonly offset?: number;
  readonly expected: string;
  readonly found: string;
  /** What to do, where it isn't to get the file anew. */
  readonly remedy?: string;
}

/** Bytes per element of every dtype that the format knows. */
export const BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type StoredType = keyof typeof BYTES;

export interface SafetensorsEntry {
  readonly name: string;
  /** The dtype in the file. */
  readonly stored: StoredType;
  readonly shape: readonly number[];
  /** Bytes from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: { readonly [key: string]: string };
  /** Byte of the file at which the data begins. */
  readonly dataOffset: number;
}

/** 100 MB: the format's own limit, against files that claim to need all memory. */
export const HEADER_LIMIT = 100_000_000;
/** The header's text starts after its length, an unsigned 64-bit integer. */
export const TEXT_OFFSET = 8;

export type Fail = (problem: Problem) => never;

/**
 * @param prefix the first 8 bytes
 * @returns how long the header's text is, in bytes
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, fail: Fail): number {
  if (prefix.length < TEXT_OFFSET)
    fail({ offset: 0, expected: 'a header length of 8 bytes', found: `a file of ${prefix.length} bytes` });
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(HEADER_LIMIT))
    fail({ offset: 0, expected: `a header of at most ${HEADER_LIMIT} bytes`, found: `${length} bytes` });
  const end = TEXT_OFFSET + Number(length);
  if (end > fileBytes)
    fail({
      offset: 0,
      expected: `a header of ${length} bytes`,
      found: `${fileBytes - TEXT_OFFSET} bytes after its length`,
    });
  return Number(length);
}

/** Checks the header's text against the size of the file, and returns what it says, in the order of the data. */
export function parseHeader(text: Uint8Array, fileBytes: number, fail: Fail): SafetensorsHeader {
  const json = parseJson(text, fail);
  const metadata = metadataOf(json, fail);
  const dataOffset = TEXT_OFFSET + text.length;
  const entries = Object.entries(json)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => entryOf(name, value, fail))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    const offset = dataOffset + at;
    if (begin !== at)
      fail({
        offset,
        expected: `the data of '${name}' to begin where the tensor before ends, at ${at}`,
        found: `${begin}`,
      });
    at = end;
  }
  const dataBytes = fileBytes - dataOffset;
  if (at !== dataBytes) {
    fail({
      offset: dataOffset + Math.min(at, dataBytes),
      expected: `${at} bytes of data, as the header says`,
      found: `${dataBytes} bytes`,
    });
  }
  return { entries, metadata, dataOffset };
}

function parseJson(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    fail({ offset: TEXT_OFFSET, expected: 'a header in UTF-8', found: 'bytes that are not' });
  }
  if (!text.startsWith('{'))
    fail({ offset: TEXT_OFFSET, expected: "a header that begins with '{'", found: `'${text.slice(0, 1)}'` });
  checkDensity(bytes, fail);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    fail({
      offset: TEXT_OFFSET,
      expected: 'a header in JSON',
      found: `text that is not (${(error as Error).message})`,
    });
  }
  const twice = duplicateKey(text);
  if (twice) {
    const offset = TEXT_OFFSET + Buffer.byteLength(text.slice(0, twice.at));
    fail({ offset, expected: 'every name once', found: `'${twice.key}' a second time` });
  }
  return json as Record<string, unknown>;
}

/** The shortest entry of a tensor has three opening brackets in 50 bytes; more would fill the memory with empty lists. */
const BYTES_PER_BRACKET = 12;
/** A tensor has four; a key takes 200 bytes of memory. */
const COLON_LIMIT = 2_000_000;

/** What would take much more memory than it is long is no header of tensors. */
function checkDensity(bytes: Uint8Array, fail: Fail): void {
  let [brackets, colons] = [0, 0];
  for (const byte of bytes) {
    if (byte === 0x5b || byte === 0x7b) brackets++;
    else if (byte === 0x3a) colons++;
  }
  const offset = TEXT_OFFSET;
  if (brackets > 8 + bytes.length / BYTES_PER_BRACKET)
    fail({ offset, expected: 'a header that lists tensors', found: `${brackets} brackets in ${bytes.length} bytes` });
  if (colons > COLON_LIMIT)
    fail({ offset, expected: `a header of at most ${COLON_LIMIT / 4} tensors`, found: `${colons} keys` });
}

/** The first key that stands twice in one object of a valid JSON text; JSON.parse would keep the last and say nothing. */
function duplicateKey(text: string): { key: string; at: number } | undefined {
  const open: Set<string>[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g;
  for (let token = tokens.exec(text); token; token = tokens.exec(text)) {
    if (token[0] === '{') open.push(new Set());
    else if (token[0] === '}') open.pop();
    else if (token[1] !== undefined) {
      const key = JSON.parse(token[0].slice(0, token[0].length - token[1].length)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return { key, at: token.index };
      keys.add(key);
    }
  }
  return undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function metadataOf(json: Record<string, unknown>, fail: Fail): Record<string, string> {
  const metadata = Object.hasOwn(json, '__metadata__') ? json['__metadata__'] : {};
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    fail({ offset: TEXT_OFFSET, expected: '__metadata__ to map names to texts', found: show(metadata) });
  }
  return metadata as Record<string, string>;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function entryOf(name: string, value: unknown, fail: Fail): SafetensorsEntry {
  const wrong = (expected: string, found: unknown): never =>
    fail({ offset: TEXT_OFFSET, expected: `${expected} for tensor '${name}'`, found: show(found) });
  if (!isRecord(value)) return wrong('a record of dtype, shape and data_offsets', value);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype))
    return wrong(`a dtype among ${Object.keys(BYTES).join(', ')}`, dtype);
  if (!Array.isArray(shape) || !shape.every(isCount)) return wrong('a shape of whole numbers ≥ 0', shape);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return wrong('two data_offsets ≥ 0', offsets);
  const [begin, end] = offsets as [number, number];
  const stored = dtype as StoredType;
  const needed = sizeOf(shape) * BYTES[stored];
  if (end - begin !== needed)
    return wrong(`${needed} bytes (${stored} [${shape.join(', ')}])`, `${end - begin} bytes, ${begin} to ${end}`);
  return { name, stored, shape, begin, end };
}

const show = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));
