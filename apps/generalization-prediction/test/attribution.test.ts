import { cnn, initialize } from '@weightspace/architecture';
import { mapValues, RandomStream } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { attribute, importanceOf, nodeSums } from '@weightspace/generalization-prediction';
import { createMetanet } from '@weightspace/metanet';
import { parameterGraph } from '@weightspace/parameter-graph';
import { act, assertEquivariance, permutationGroup, testElements } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

const architecture = cnn({ input: { positions: [6, 6], size: 1 }, features: [4, 3], outputs: 2, activation: 'relu' });
const stream = RandomStream.fromSeed(4);
const networks = (count: number): NdArrays =>
  mapValues(initialize(architecture, stream.split('weights'), { count }), (array, name) => {
    const noise = stream.split(name).normal(array.shape, 0.05, 0.1).data;
    return { ...array, data: array.data.map((x, i) => x + noise[i]!) } as NdArray;
  });
const weights = networks(1);
function ready(kind: string, settings = {}) {
  const model = createMetanet(kind, architecture, 1, settings);
  return {
    model,
    params: model.initialize(stream.split('params')),
    fixed: model.measure(networks(30), stream.split('fixed')),
  };
}
const sum = (arrays: NdArrays) =>
  Object.values(arrays).reduce((all, { data }) => all + Array.from(data).reduce((a, b) => a + b, 0), 0);

describe('attribute', () => {
  test.each([
    ['flat-mlp', {}],
    ['stat-nn', { head: [16] }],
    ['gmn', { width: 8, layers: 2 }],
    ['nfn-np', { channels: [6, 5], frequencies: 4, head: [8] }],
  ])('of %s adds up to the difference of the predictions', async (kind, settings) => {
    const { model, params, fixed } = ready(kind, settings);
    const found = await attribute(model, params, fixed, weights, { tolerance: 0.005 });
    const difference = found.output - found.baseline;
    expect(Math.abs(difference)).toBeGreaterThan(0);
    expect(Math.abs(sum(found.weights) - difference)).toBeLessThan(0.01 * Math.abs(difference));
    expect(found.gap).toBeCloseTo(sum(found.weights) - difference, 4);
  });
  test('of a metanet that is invariant to scales says that it does not add up', async () => {
    const { model, params, fixed } = ready('scale-gmn', { width: 8 });
    const { gap, output, baseline, steps } = await attribute(model, params, fixed, weights, { mostSteps: 64 });
    expect(steps).toBe(64);
    expect(Math.abs(gap)).toBeGreaterThan(0.05 * Math.abs(output - baseline));
  });
  test('gradient times weight does not, and is the gradient at the network itself', async () => {
    const { model, params, fixed } = ready('flat-mlp', { head: [16] });
    const found = await attribute(model, params, fixed, weights, { method: 'gradient-times-weight' });
    expect(found.steps).toBe(1);
    const name = 'conv2.weight';
    const at = 5;
    const moved = (by: number): NdArrays => ({
      ...weights,
      [name]: { ...weights[name]!, data: weights[name]!.data.map((x, i) => (i === at ? x + by : x)) } as NdArray,
    });
    const [high, low] = await Promise.all(
      [1e-2, -1e-2].map((by) => attribute(model, params, fixed, moved(by), { method: 'gradient-times-weight' })),
    );
    const slope = (high!.output - low!.output) / 2e-2;
    expect(found.weights[name]!.data[at]).toBeCloseTo(slope * weights[name]!.data[at]!, 3);
  });

  const case_ = (kind: string, settings = {}) => {
    const { model, params, fixed } = ready(kind, settings);
    return {
      name: `attribution of ${kind}`,
      f: async (w: NdArrays) =>
        mapValues(
          (await attribute(model, params, fixed, w, { steps: 16, mostSteps: 16 })).weights,
          (a) => ({ ...a, shape: [1, ...a.shape] }) as NdArray,
        ),
      input: weights,
      elements: testElements(permutationGroup(architecture), stream.split('elements')),
      actIn: (g: Parameters<typeof act>[1], w: NdArrays) => act(architecture, g, w),
      actOut: (g: Parameters<typeof act>[1], y: NdArrays) => act(architecture, g, y),
      tolerance: 1e-4,
    };
  };
  test.each([
    ['stat-nn', { head: [16] }],
    ['nfn-np', { channels: [6, 5], frequencies: 4, head: [8] }],
  ])('of %s moves with the neurons', async (kind, settings) => {
    await assertEquivariance(case_(kind, settings));
  });
  test('of a perceptron does not: the certificate fails', async () => {
    await expect(assertEquivariance(case_('flat-mlp', { head: [16] }))).rejects.toThrow('equivariance');
  });
});

describe('importanceOf and nodeSums', () => {
  test('sum over layers and over what writes each neuron', async () => {
    const { model, params, fixed } = ready('stat-nn', { head: [16] });
    const { weights: found } = await attribute(model, params, fixed, weights, { steps: 16, mostSteps: 16 });
    const layers = importanceOf(model, found);
    expect(layers.map(({ layer }) => layer)).toEqual(['conv1', 'conv2', 'fc1']);
    expect(layers.reduce((all, own) => all + own.sum, 0)).toBeCloseTo(sum(found), 4);
    expect(layers.map(({ neurons }) => neurons.length)).toEqual([4, 3, 2]);
    const second = layers[0]!.neurons[1]!;
    const [kernel, bias] = [found['conv1.weight']!.data, found['conv1.bias']!.data];
    expect(second.sum).toBeCloseTo(Array.from(kernel.subarray(9, 18)).reduce((a, b) => a + b, 0) + bias[1]!, 5);
    const graph = parameterGraph(architecture, found);
    const nodes = nodeSums(graph);
    const hidden = graph.groups.find(({ size, kind }) => kind === 'neuron' && size === 4)!;
    expect(nodes[hidden.start + 1]).toBeCloseTo(second.sum, 5);
    expect(Array.from(nodes).reduce((a, b) => a + b, 0)).toBeCloseTo(sum(found), 4);
  });
});
