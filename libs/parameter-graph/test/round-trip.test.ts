import { defineArchitecture, mlp } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { ndarray, sameBits } from '@weightspace/compute';
import { graphParameters, graphStyles, parameterGraph } from '@weightspace/parameter-graph';
import type { GraphNetwork } from '@weightspace/parameter-graph';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { smallNetworks, weightsOf } from './networks.ts';

const styles = graphStyles();

/** Every parameter once, and nothing else. */
function expectEachOnce(network: GraphNetwork, style: string): void {
  const graph = parameterGraph(network, weightsOf(network as Architecture), { style });
  const total = network.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const seen = new Uint8Array(total);
  for (const slot of [...graph.slots, ...graph.nodeSlots]) if (slot >= 0) seen[slot]!++;
  expect(seen.every((times) => times === 1)).toBe(true);
  expect(Math.max(...graph.source, ...graph.target)).toBeLessThan(graph.nodeCount);
  const used = new Set([...graph.source, ...graph.target]);
  expect(used.size).toBe(graph.nodeCount);
}

/** Residual MLPs with random widths, activations and biases. */
const architectures = fc
  .record({
    width: fc.integer({ min: 1, max: 5 }),
    inputs: fc.integer({ min: 1, max: 3 }),
    layers: fc.array(
      fc.record({
        size: fc.integer({ min: 1, max: 5 }),
        bias: fc.boolean(),
        residual: fc.boolean(),
        activation: fc.constantFrom('relu', 'tanh', 'sine', 'identity'),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map(({ width, inputs, layers }) => {
    const json: { name: string; kind: string; inputs: string[]; [key: string]: unknown }[] = [
      { name: 'in', kind: 'linear', inputs: ['x'], size: width, activation: 'relu' },
    ];
    let before = 'in';
    layers.forEach(({ size, bias, residual, activation }, i) => {
      json.push({ name: `a${i}`, kind: 'linear', inputs: [before], size: residual ? width : size, bias, activation });
      const sizeOf = (name: string) => json.find((layer) => layer.name === name)?.['size'];
      const fits = residual && sizeOf(before) === width;
      if (fits) json.push({ name: `s${i}`, kind: 'add', inputs: [before, `a${i}`], size: width });
      before = fits ? `s${i}` : `a${i}`;
    });
    const plain = json.map(({ size, ...layer }) => (layer.kind === 'add' ? layer : { ...layer, size }));
    return defineArchitecture({
      schema: 'weightspace-architecture/1',
      name: 'random',
      inputs: [{ name: 'x', size: inputs }],
      layers: plain,
      output: before,
    });
  });

describe('graphParameters', () => {
  test.each(Object.entries(smallNetworks()))('gives back the parameters of %s, bit for bit', (_, architecture) => {
    const params = weightsOf(architecture);
    for (const style of styles) {
      const graph = parameterGraph(architecture, params, { style });
      expect(sameBits(graphParameters(graph), params)).toBe(true);
      expectEachOnce(architecture, style);
    }
  });

  test.each(Object.entries(smallNetworks()))('does so where only the labels of %s are known', (_, architecture) => {
    const { name, spaces, composites, parameters } = architecture;
    const params = weightsOf(architecture);
    for (const style of styles) {
      const graph = parameterGraph({ name, spaces, composites, parameters }, params, { style });
      expect(sameBits(graphParameters(graph), params)).toBe(true);
    }
  });

  test('does so for random residual networks', () => {
    fc.assert(
      fc.property(
        architectures,
        fc.constantFrom(...styles),
        fc.integer({ min: 0, max: 99 }),
        (network, style, seed) => {
          const params = weightsOf(network, seed);
          return sameBits(graphParameters(parameterGraph(network, params, { style })), params);
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });

  test('keeps every NaN, infinity and −0', () => {
    const architecture = mlp({ sizes: [1, 5, 1], bias: false });
    const bits = new Uint32Array([0x7fc00001, 0xffa12345, 0x80000000, 0x7f800000, 1]);
    const weights = new Float32Array(bits.buffer);
    const params = { 'layer1.weight': ndarray(weights, [5, 1]), 'layer2.weight': ndarray(weights.slice(), [1, 5]) };
    for (const style of styles) {
      const back = graphParameters(parameterGraph(architecture, params, { style }));
      expect(new Uint32Array((back['layer1.weight']!.data as Float32Array).buffer)).toEqual(bits);
    }
  });

  test('takes other values for the same graph', () => {
    const architecture = mlp({ sizes: [2, 3, 1] });
    const graph = parameterGraph(architecture, weightsOf(architecture));
    const twice = graphParameters(graph, { values: graph.values.map((value) => 2 * value) });
    expect(twice['layer1.bias']!.data).toEqual(weightsOf(architecture)['layer1.bias']!.data.map((b) => 2 * b));
    expect(() => graphParameters(graph, { values: new Float32Array(3) })).toThrow(
      "graphParameters: values must hold the graph's 13 values, got 3",
    );
  });

  test('leaves out running statistics where the graph has none', () => {
    const { resnet } = smallNetworks();
    const back = graphParameters(parameterGraph(resnet!, weightsOf(resnet!), { exact: false }));
    const missing = resnet!.parameters.filter(({ name }) => !(name in back));
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.every(({ kind }) => kind === 'statistic')).toBe(true);
  });
});

describe('parameterGraph', () => {
  const architecture = mlp({ sizes: [2, 3, 1] });
  const params = weightsOf(architecture);

  test('names what is wrong with parameters and styles', () => {
    expect(() => parameterGraph(architecture, {})).toThrow(
      "parameterGraph: params must have 'layer1.weight' (relu mlp 2-3-1), float32 of shape [3, 2]",
    );
    const wrong = { ...params, 'layer1.bias': ndarray(new Int32Array(3), [3]) };
    expect(() => parameterGraph(architecture, wrong)).toThrow(
      "parameterGraph: params 'layer1.bias' must be float32 of shape [3], got int32 of shape [3]",
    );
    expect(() => parameterGraph(architecture, params, { style: 'dense' })).toThrow(
      "graphStyle: style must be one of graph-metanetwork, neural-graph, got 'dense'",
    );
  });

  test('names a label that is no space', () => {
    const broken = {
      ...architecture,
      parameters: architecture.parameters.map((p) => ({ ...p, axes: p.axes.map(() => 'z') })),
    };
    expect(() => parameterGraph(broken, params)).toThrow("a label must name a space of the network, got 'z'");
  });
});
