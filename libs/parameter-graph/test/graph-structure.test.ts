import {
  graphStructure,
  graphStyles,
  parameterGraph,
  structureArrays,
  viewOffsets,
} from '@weightspace/parameter-graph';
import { describe, expect, test } from 'vitest';

import { batchNormCnn, resNet, smallNetworks, vit, weightsOf } from './networks.ts';

const networks = { ...smallNetworks(), batchNorm: batchNormCnn(), resnet8: resNet(8), vit8: vit(8, 2, 1) };
const cases = Object.entries(networks).flatMap(([name, network]) =>
  graphStyles().flatMap((style) => [true, false].map((exact) => [name, style, exact, network] as const)),
);

/** Edges as texts: ends and the slots of their values, in the order of their places. */
const edgesOf = (
  { start, size, width, valueStart }: { start: number; size: number; width: number; valueStart: number },
  { source, target, slots }: { source: Int32Array; target: Int32Array; slots: Int32Array },
): string[] =>
  Array.from({ length: size }, (_, i) => {
    const from = valueStart + i * width;
    return `${source[start + i]!}→${target[start + i]!}: ${slots.slice(from, from + width).join()}`;
  });

describe('graphStructure', () => {
  test.each(cases)('of %s (%s, exact %s) has the edges and values of the graph', (_, style, exact, network) => {
    const graph = parameterGraph(network, weightsOf(network), { style, exact });
    const structure = graphStructure(network, { style, exact });
    const arrays = structureArrays(structure);
    expect(structure.groups).toMatchObject(graph.groups);
    expect(structure.blocks).toMatchObject(graph.blocks);
    structure.blocks.forEach((block, i) => {
      expect(edgesOf(block, arrays).sort()).toEqual(edgesOf(graph.blocks[i]!, graph).sort());
    });
  });

  test.each(cases)('of %s (%s, exact %s) has the values of nodes', (_, style, exact, network) => {
    const graph = parameterGraph(network, weightsOf(network), { style, exact });
    const first = new Map<string, number>();
    network.parameters.reduce((at, { name, shape }) => {
      first.set(name, at);
      return at + shape.reduce((a, b) => a * b, 1);
    }, 0);
    for (const { parameters, features, featureStart, size } of graphStructure(network, { style, exact }).groups) {
      let column = 0;
      for (const { view } of parameters) {
        const shape = network.parameters.find(({ name }) => name === view.parameter)!.shape;
        const { places } = view.shape;
        viewOffsets(view, shape).forEach((offset, i) => {
          const at = featureStart + Math.floor(i / places) * features.length + column + (i % places);
          expect(graph.nodeSlots[at]).toBe(first.get(view.parameter)! + offset);
        });
        column += places;
      }
      expect(column).toBe(features.length);
      expect(size * column).toBe(graph.nodeSlots.slice(featureStart, featureStart + size * column).length);
    }
  });
});
