/** @file A grey image as PNG. */
import { crc32, deflateSync } from 'node:zlib';

/**
 * Encodes 8-bit grey pixels.
 *
 * @param pixels row-major, from 0 (black) to 255 (white); `width · height` of them
 * Source: W3C 2003, "Portable Network Graphics (PNG) Specification", second edition, sections 5 and 11. Departs: nothing.
 */
export function greyPng(pixels: Uint8Array, width: number, height: number): Uint8Array {
  if (pixels.length !== width * height) {
    throw new RangeError(
      `greyPng: pixels must hold ${width} · ${height} = ${width * height} values, got ${pixels.length}`,
    );
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8); // 8 bits, grey, deflate, no filter method but 0, not interlaced
  const lines = Buffer.alloc(height * (width + 1)); // each line begins with its filter: 0, none
  for (let y = 0; y < height; y++) lines.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}
