import { layerKinds, randomArchitecture } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';
import { functionError, symmetryGroup } from '@weightspace/symmetry';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const seen = new Set<string>();

/** Random elements of the whole group, on networks with the parameters of new ones. */
async function errorOf(architecture: Architecture, seed: number): Promise<number> {
  const group = symmetryGroup(architecture);
  if (group.spaces.length === 0) return 0;
  for (const { kind } of architecture.spec.layers) seen.add(kind);
  return functionError(group, RandomStream.fromSeed(seed).split('elements'), { points: 3 });
}

test('random architectures of all layer kinds compute the same wherever their group takes them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 100_000 }), async (seed) => {
      const architecture = randomArchitecture(RandomStream.fromSeed(seed));
      expect(await errorOf(architecture, seed)).toBeLessThan(1e-4);
    }),
    { numRuns: 120, seed: 4 },
  );
  expect(layerKinds().filter((kind) => !seen.has(kind))).toEqual([]);
});
