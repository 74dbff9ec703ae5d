/** @file JSON from files that may be hostile: bounded in size and depth before it is parsed. */
import type { ByteSource } from './byte-source.ts';

const SIZE_LIMIT = 2 ** 25;
const DEPTH_LIMIT = 256;

/**
 * @returns the value; keys such as `__proto__` are plain keys of it
 * @throws {CheckpointError} when the source is longer than 32 MiB, no UTF-8, no JSON, or nested deeper than 256 levels
 */
export function readJson(source: ByteSource, what: string): unknown {
  if (source.size > SIZE_LIMIT)
    source.fail({ expected: `${what} of at most ${SIZE_LIMIT} bytes`, found: `${source.size}` });
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(source.read(0, source.size));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    source.fail({ expected: `${what} in UTF-8`, found: 'bytes that are not' });
  }
  return parseJson(source, text, what);
}

/** The same for a text that has been read already. */
export function parseJson(source: ByteSource, text: string, what: string): unknown {
  if (text.length > SIZE_LIMIT)
    source.fail({ expected: `${what} of at most ${SIZE_LIMIT} characters`, found: `${text.length}` });
  if (depthOf(text) > DEPTH_LIMIT)
    source.fail({ expected: `${what} with at most ${DEPTH_LIMIT} levels`, found: 'deeper JSON' });
  try {
    return JSON.parse(text);
  } catch (error) {
    return source.fail({ expected: `${what} in JSON`, found: `text that is not (${(error as Error).message})` });
  }
}

/** Deepest level of brackets outside of texts. */
function depthOf(text: string): number {
  let [depth, deepest, inText] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A field of a record that is its own, not one that every object has. */
export const fieldOf = (record: unknown, key: string): unknown =>
  isRecord(record) && Object.hasOwn(record, key) ? record[key] : undefined;
