import {
  architectureSchema,
  defineArchitecture,
  layerKind,
  layerKinds,
  randomArchitecture,
  registerLayerKind,
} from '@weightspace/architecture';
import type { Architecture, LayerKind } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';
import { functionError, symmetryGroup } from '@weightspace/symmetry';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const kinds = layerKinds();
const seen = new Set<string>();

/** Random elements of the whole group, on networks with the parameters of new ones. */
async function errorOf(architecture: Architecture, seed: number): Promise<number> {
  const group = symmetryGroup(architecture);
  if (group.spaces.length === 0) return 0;
  for (const { kind } of architecture.spec.layers) seen.add(kind);
  return functionError(group, RandomStream.fromSeed(seed).split('elements'), { points: 3 });
}

describe('function preservation', () => {
  test('holds on random architectures of all layer kinds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 100_000 }), async (seed) => {
        const architecture = randomArchitecture(RandomStream.fromSeed(seed));
        expect(await errorOf(architecture, seed)).toBeLessThan(1e-4);
      }),
      { numRuns: 120, seed: 6 },
    );
    expect(kinds.filter((kind) => !seen.has(kind))).toEqual([]);
  });

  const norm = layerKind('layer-norm');
  const groups = layerKind('group-norm');
  const wrong: readonly [string, LayerKind][] = [
    [
      'a norm that claims to let signs and scales through',
      { ...norm, declare: (layer, context) => ({ ...norm.declare(layer, context), breaks: [] }) },
    ],
    [
      'a norm of groups that claims that channels may change groups',
      { ...groups, declare: (layer, context) => norm.declare(layer, context) },
    ],
  ];
  test.each(wrong)('finds %s', async (name, kind) => {
    registerLayerKind({ ...kind, kind: name });
    const architecture = defineArchitecture({
      schema: architectureSchema,
      name,
      inputs: [{ name: 'x', size: 2 }],
      layers: [
        { name: 'a', kind: 'linear', inputs: ['x'], size: 6, activation: 'relu' },
        { name: 'b', kind: name, inputs: ['a'], ...(kind === wrong[1]![1] && { groups: 2 }) },
        { name: 'y', kind: 'linear', inputs: ['b'], size: 2 },
      ],
      output: 'y',
    });
    expect(await errorOf(architecture, 5)).toBeGreaterThan(1e-2);
  });
});
