/** What the recognition calls fixed or different really is: moving it changes what a network computes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { actOn, bytesWith, errorBetween, parametersOf, readyModel, recognizeModel } from '@weightspace/checkpoint';
import type { OnnxNetwork, ReadyModel } from '@weightspace/checkpoint';
import { RandomStream, runOnnx } from '@weightspace/compute';
import type { OnnxArray } from '@weightspace/compute';
import { permutationGroup, randomElement } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

const names = ['mlp', 'cnn-bn', 'grouped', 'lstm-last', 'grouped-query', 'densenet'];

/** Far above rounding, which stays below 1e-6 here. */
const CHANGED = 1e-4;

interface Loaded {
  readonly model: ReadyModel;
  readonly network: OnnxNetwork;
  readonly parameters: Record<string, OnnxArray>;
  readonly before: ReadonlyMap<string, OnnxArray>;
}

async function load(name: string): Promise<Loaded> {
  const model = readyModel(readFileSync(join(import.meta.dirname, 'fixtures', `${name}.onnx`)), name);
  const network = await recognizeModel(model, name);
  const parameters = parametersOf(model, network);
  return { model, network, parameters, before: await runOnnx(bytesWith(model, {}), network.sample) };
}

const errorWith = async ({ model, network, before }: Loaded, arrays: Record<string, OnnxArray>): Promise<number> =>
  errorBetween(before, await runOnnx(bytesWith(model, arrays), network.sample));

describe.each(names)('the group of %s is no larger', (name) => {
  test('since the swap of two neurons of a fixed space changes the output', async () => {
    const loaded = await load(name);
    const fixed = loaded.network.spaces.filter(({ free, size, kind }) => !free && size > 1 && kind !== 'gate');
    expect(fixed.length).toBeGreaterThan(0);
    for (const { name: space, size } of fixed) {
      const spaces = loaded.network.spaces.map((other) => (other.name === space ? { ...other, free: true } : other));
      const swap = Int32Array.from({ length: size }, (_, i) => (i < 2 ? 1 - i : i));
      const element: GroupElement = { [space]: { permutation: swap } };
      const moved = actOn({ ...loaded.network, spaces }, element, loaded.parameters);
      // A table's first rows aren't read where the sample's indices are other ones.
      expect(await errorWith(loaded, moved), `${space} of size ${size}`).toBeGreaterThan(CHANGED);
    }
  });

  test('since no parameter may be left out', async () => {
    const loaded = await load(name);
    const { network, parameters } = loaded;
    const all = randomElement(permutationGroup(network), RandomStream.fromSeed(2));
    expect(await errorWith(loaded, actOn(network, all, parameters))).toBeLessThan(1e-5);
    for (const left of Object.keys(parameters)) {
      const moved = actOn(network, all, parameters);
      const changes = moved[left]!.data.some((value, i) => value !== parameters[left]!.data[i]);
      if (!changes) continue;
      expect(await errorWith(loaded, { ...moved, [left]: parameters[left]! }), left).toBeGreaterThan(CHANGED);
    }
  });
});
