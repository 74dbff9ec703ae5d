import { mapValues, RandomStream, tf, toTensor } from '@weightspace/compute';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  activationsStacked,
  defineArchitecture,
  initialize,
  layerKinds,
  randomArchitecture,
  segmentsOf,
  spaceOf,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

const make = (seed: number): Architecture => randomArchitecture(RandomStream.fromSeed(seed));
const seeds = fc.integer({ min: 0, max: 100_000 });
const runs = { numRuns: 100, seed: 8 };

describe('random architectures', () => {
  test('hold every layer kind', () => {
    const seen = new Set(
      Array.from({ length: 150 }, (_, seed) => make(seed).spec.layers.map(({ kind }) => kind)).flat(),
    );
    expect(layerKinds().filter((kind) => !seen.has(kind))).toEqual([]);
  });
  test('come back from their own spec, through JSON', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const architecture = make(seed);
        expect(defineArchitecture(JSON.parse(JSON.stringify(architecture.spec)))).toEqual(architecture);
      }),
      runs,
    );
  });
  test('have axes whose sizes are those of what they index', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const architecture = make(seed);
        const sizeOf = (label: string) =>
          segmentsOf(architecture, label).reduce(
            (sum, product) => sum + product.reduce((n, leaf) => n * spaceOf(architecture, leaf).size, 1),
            0,
          );
        for (const { axes, shape } of architecture.parameters) expect(axes.map(sizeOf)).toEqual(shape);
        for (const { space, size } of architecture.values) expect(sizeOf(space)).toBe(size);
      }),
      runs,
    );
  });
  test('compute finite values of the shapes that they declare', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const architecture = make(seed);
        const draws = RandomStream.fromSeed(seed);
        const params = initialize(architecture, draws, { count: 2 });
        const { positions = [], size, indices } = architecture.spec.inputs[0]!;
        tf.tidy(() => {
          const x = toTensor(draws.split('x').uniform([3, ...positions, size], 0, indices ?? 1));
          const read = indices === undefined ? x : tf.floor(x);
          const values = activationsStacked(architecture, mapValues(params, toTensor), read);
          for (const value of architecture.values) {
            expect(values[value.name]!.shape).toEqual([2, 3, ...value.positions, value.size]);
          }
          expect(values['y']!.dataSync().every(Number.isFinite)).toBe(true);
        });
      }),
      { ...runs, numRuns: 40 },
    );
  });
});
