/** @file Images made smaller (or larger), each new pixel the mean of what it covers. */
import type { ImageSet } from './image-set.ts';

/**
 * Images of another size: the value of a new pixel is the mean over its area, of which old pixels may have parts.
 *
 *     y[i,j] = Σ_r Σ_c A[i,r] B[j,c] x[r,c],   A[i,r] the share that row r has of the new row i
 *
 * @param set its images: `[N, rows, columns]` or `[N, rows, columns, channels]`, values 0 to 255
 * @returns values 0 to 255; shape as before, with the new rows and columns
 * @throws {RangeError} unless rows and columns are whole numbers ≥ 1
 * Source: area interpolation, as OpenCV's INTER_AREA for smaller images. Departs: nothing is rounded.
 */
export function areaAverage(
  { images }: Pick<ImageSet, 'images'>,
  rows: number,
  columns: number,
): { readonly shape: readonly number[]; readonly data: Float32Array } {
  for (const [name, size] of Object.entries({ rows, columns })) {
    if (!(Number.isSafeInteger(size) && size >= 1)) {
      throw new RangeError(`areaAverage: ${name} must be a whole number ≥ 1, got ${size}`);
    }
  }
  const [count, height, width, ...channels] = images.shape;
  const depth = channels[0] ?? 1;
  const [down, across] = [shares(height, rows), shares(width, columns)];
  const data = new Float32Array(count * rows * columns * depth);
  const row = new Float64Array(width * depth);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < rows; i++) {
      row.fill(0);
      for (const { at, share } of down[i]!) {
        const from = (n * height + at) * width * depth;
        for (let k = 0; k < row.length; k++) row[k]! += share * images.data[from + k]!;
      }
      for (let j = 0; j < columns; j++) {
        const to = ((n * rows + i) * columns + j) * depth;
        for (let c = 0; c < depth; c++) {
          let sum = 0;
          for (const { at, share } of across[j]!) sum += share * row[at * depth + c]!;
          data[to + c] = sum;
        }
      }
    }
  }
  return { shape: [count, rows, columns, ...channels], data };
}

/** Which of `before` equal parts of a line each of `after` parts covers, and how much of it is theirs. */
function shares(
  before: number,
  after: number,
): readonly (readonly { readonly at: number; readonly share: number }[])[] {
  const width = before / after;
  return Array.from({ length: after }, (_, i) => {
    const [from, to] = [i * width, (i + 1) * width];
    const parts = [];
    for (let at = Math.floor(from); at < before && at < to - 1e-9; at++) {
      parts.push({ at, share: (Math.min(at + 1, to) - Math.max(at, from)) / width });
    }
    return parts;
  });
}
