/** @file Deflated bytes, never more of them than was announced. */
import { constants, inflateRawSync } from 'node:zlib';

import type { ByteSource } from './byte-source.ts';

/**
 * @param size how many bytes there must be when all is inflated
 * @throws {CheckpointError} when the data is damaged, or inflates to another size
 */
export function inflateAll(compressed: ByteSource, size: number): Uint8Array {
  const input = compressed.read(0, compressed.size);
  const bytes = attempt(compressed, () => inflateRawSync(input, { maxOutputLength: Math.max(1, size) }), size);
  if (bytes.length !== size) compressed.fail({ expected: `${size} bytes when inflated`, found: `${bytes.length}` });
  return bytes;
}

/** At least the first `end` bytes, if there are so many, without inflating much more. */
export function inflateStart(compressed: ByteSource, end: number): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(0);
  for (let part = 2 ** 10; bytes.length < end; part *= 8) {
    const input = compressed.read(0, Math.min(part, compressed.size));
    // Deflate makes at most 1,032 bytes of one.
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 1032 * input.length + 64 };
    bytes = attempt(compressed, () => inflateRawSync(input, options), end);
    if (input.length === compressed.size) break;
  }
  return bytes;
}

function attempt(compressed: ByteSource, inflate: () => Uint8Array, size: number): Uint8Array {
  try {
    return inflate();
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return compressed.fail({
      expected: tooLarge ? `${size} bytes when inflated` : 'deflated data',
      found: tooLarge ? 'more' : `data that is not (${(error as Error).message})`,
    });
  }
}
