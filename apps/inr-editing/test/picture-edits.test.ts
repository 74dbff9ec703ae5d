import { compile, ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import { errorsOf, pictureEdit, pictureEditNames } from '@weightspace/inr-editing';
import { describe, expect, test } from 'vitest';

const [B, H, W] = [2, 4, 5];
const pictures = RandomStream.fromSeed(1).uniform([B, H, W]);
const at = (x: NdArray, b: number, row: number, column: number) => x.data[(b * H + row) * W + column]!;

/** Values of a pixel and those of its neighbours that are in the picture. */
const around = (b: number, row: number, column: number): number[] =>
  [-1, 0, 1].flatMap((i) =>
    [-1, 0, 1].flatMap((j) => {
      const [r, c] = [row + i, column + j];
      return r < 0 || c < 0 || r >= H || c >= W ? [] : [at(pictures, b, r, c)];
    }),
  );

const meanOf = (b: number) =>
  Array.from(pictures.data.subarray(b * H * W, (b + 1) * H * W)).reduce((s, v) => s + v, 0) / (H * W);
const slow: { readonly [name: string]: (b: number, row: number, column: number) => number } = {
  dilate: (b, row, column) => Math.max(...around(b, row, column)),
  erode: (b, row, column) => Math.min(...around(b, row, column)),
  contrast: (b, row, column) => Math.min(1, Math.max(0, (at(pictures, b, row, column) - meanOf(b)) * 1.5 + meanOf(b))),
};

describe('pictureEdit', () => {
  test.each(pictureEditNames())('%s agrees with a loop over pixels', async (name) => {
    const edit = compile((x: Tensor) => pictureEdit(name).apply(x), { threads: 1 });
    const y = (await edit(pictures)) as NdArray;
    expect(y.shape).toEqual([B, H, W]);
    for (let b = 0; b < B; b++)
      for (let row = 0; row < H; row++)
        for (let column = 0; column < W; column++)
          expect(at(y, b, row, column)).toBeCloseTo(slow[name]!(b, row, column), 5);
  });
  test('names the edits that there are', () => {
    expect(() => pictureEdit('blur')).toThrow("edit must be one of dilate, erode, contrast, got 'blur'");
  });
});

test('errorsOf compares with what is wanted, after and before', () => {
  const picture = (...values: number[]) => ndarray(values, [1, 1, values.length]);
  const errors = errorsOf({ before: picture(0, 0), wanted: picture(1, 0.5), after: picture(0.5, 0.5) });
  expect(errors['test/mse']).toBeCloseTo(0.125, 6);
  expect(errors['test/mse-unchanged']).toBeCloseTo(0.625, 6);
  expect(errors['test/mse-ratio']).toBeCloseTo(0.2, 6);
});
