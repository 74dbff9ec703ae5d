import { fontOptions } from './fonts.ts';
import { writeAtomically } from '../export/write-atomically.ts';
import type { Picture } from './draw-graph.ts';

/** A PNG is at most so many pixels wide or high: beyond, memory runs out. */
const LARGEST = 16_000;

/**
 * A picture as PNG.
 *
 * @param scale pixels of the PNG per pixel of the picture; less where the picture is very large
 */
export async function pictureToPng(picture: Picture, scale = 2): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js');
  const value = Math.min(scale, LARGEST / Math.max(picture.width, picture.height));
  return new Resvg(picture.svg, { fitTo: { mode: 'zoom', value }, background: 'white', font: fontOptions() })
    .render()
    .asPng();
}

/**
 * Writes a picture to a file, whole or not at all.
 *
 * @throws {ParameterGraphError} when the file can't be written
 */
export const writePicture = (file: string, content: string | Uint8Array): void =>
  writeAtomically('writePicture', file, content);
