import { forwardStacked, initialize, siren } from '@weightspace/architecture';
import { compile, gradientError, mapValues, ndarray, RandomStream, rows } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { dwsRecipe, fitSirens, pack, renderOnGrid, sirenRate, sirenShapes, unpack } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

const sizes = [2, 6, 5, 1];
const architecture = siren({ sizes, omega: 20, outputOffset: 0.5 });
const stream = RandomStream.fromSeed(4);
const grid = { sizes, omega: 20, outputOffset: 0.5, rows: 7, columns: 4 };
const at = (i: number, n: number) => -1 + (2 * i) / (n - 1);
const coordinates = ndarray(
  Array.from({ length: 28 }, (_, p) => [at(Math.floor(p / 4), 7), at(p % 4, 4)]).flat(),
  [28, 2],
);

describe('renderOnGrid', () => {
  test('is the forward pass on the pixels, row before column', async () => {
    const params = initialize(architecture, stream, { count: 3 });
    const f = compile(
      (flat: Tensor, w: Tensors, x: Tensor) => [renderOnGrid(flat, grid), forwardStacked(architecture, w, x)],
      { threads: 1 },
    );
    const [onGrid, one] = (await f(pack(params, 3), params as never, coordinates)) as unknown as NdArray[];
    onGrid!.data.forEach((value, i) => expect(Math.abs(value - one!.data[i]!)).toBeLessThan(1e-5));
  });
  test('has the gradient that differences give', () => {
    const flat = pack(initialize(siren({ sizes: [2, 3, 1] }), stream, { count: 2 }), 2);
    expect(gradientError((x) => renderOnGrid(x as Tensor, { ...grid, sizes: [2, 3, 1], omega: 2 }), flat)).toBeLessThan(
      1e-2,
    );
  });
});

describe('pack and unpack', () => {
  test('are each other undone', () => {
    const params = initialize(architecture, stream, { count: 3 });
    expect(unpack(pack(params, 3), Object.keys(params), sirenShapes(sizes))).toEqual(params);
  });
});

describe('fitSirens', () => {
  // A rate at which 60 steps show.
  const recipe = { ...dwsRecipe, sizes, omega: 20, steps: 60, warmUp: 5, rate: 1e-2 };
  const images = stream.split('images').uniform([11, 7, 4]);
  const start = initialize(architecture, stream, { count: 11, init: 'dws-siren' });
  const some = (count: number): [NdArray, NdArrays] => [
    rows(images, 0, count),
    mapValues(start, (a) => rows(a, 0, count)),
  ];

  test('draws better with more steps, and says how well', async () => {
    const [few, many] = [await fitSirens(...some(3), { ...recipe, steps: 10 }), await fitSirens(...some(3), recipe)];
    many.psnr.data.forEach((db, i) => expect(db).toBeGreaterThan(few.psnr.data[i]! + 1));
    const render = compile((w: Tensors, x: Tensor) => forwardStacked(architecture, w, x), { threads: 1 });
    const drawn = (await render(many.parameters as never, coordinates)) as unknown as NdArray;
    for (let n = 0; n < 3; n++) {
      const mse =
        Array.from({ length: 28 }, (_, p) => (drawn.data[n * 28 + p]! - images.data[n * 28 + p]!) ** 2).reduce(
          (a, b) => a + b,
        ) / 28;
      expect(many.psnr.data[n]!).toBeCloseTo(-10 * Math.log10(mse), 2);
    }
  });

  test('gives a network the same bits alone, in company and again', async () => {
    const [all, alone, again] = [
      await fitSirens(images, start, recipe),
      await fitSirens(...some(1), recipe),
      await fitSirens(images, start, recipe),
    ];
    for (const name of Object.keys(start)) {
      expect(rows(all.parameters[name]!, 0, 1)).toEqual(alone.parameters[name]);
      expect(again.parameters[name]).toEqual(all.parameters[name]);
    }
  });

  test('the rate rises, then falls', () => {
    const rates = Array.from({ length: 60 }, (_, i) => sirenRate(recipe, i));
    expect(Math.max(...rates)).toBeLessThanOrEqual(recipe.rate);
    expect(rates[0]!).toBeCloseTo(recipe.rate / 5, 4);
    expect(rates.at(-1)!).toBeLessThan(0.02 * recipe.rate);
  });
});
