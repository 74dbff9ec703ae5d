/** @file Tar archives, as far as archives of data sets need. */
import { DatasetError } from './dataset-error.ts';

const BLOCK = 512;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1').replace(/\0.*$/s, '');

/**
 * The plain files of an archive, by their paths in it. Nothing is written.
 *
 * @throws {DatasetError} when the archive ends early or isn't one
 */
export function readTar(bytes: Uint8Array, file: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return files;
    const size = Number.parseInt(text(header.subarray(124, 136)).trim(), 8);
    const begin = at + BLOCK;
    if (!(size >= 0) || begin + size > bytes.length) {
      const [place, found] = [`byte ${at}`, Number.isNaN(size) ? 'no size' : `${size} bytes beyond the end`];
      throw new DatasetError(file, { at: place, expected: 'an entry of a tar archive', found, remedy: 'get it anew' });
    }
    const kind = header[156]!;
    if (kind === 0 || kind === 0x30) files.set(text(header.subarray(0, 100)), bytes.subarray(begin, begin + size));
    at = begin + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new DatasetError(file, {
    expected: 'the end record of a tar archive',
    found: 'none: it was probably cut',
    remedy: 'get it anew',
  });
}
