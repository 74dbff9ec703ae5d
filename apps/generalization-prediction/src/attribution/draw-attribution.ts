/** @file Attributions on the parameter graph. */
import type { Architecture } from '@weightspace/architecture';
import type { NdArrays } from '@weightspace/compute';
import { drawGraph, parameterGraph, STRUCTURAL } from '@weightspace/parameter-graph';
import type { ParameterGraph, Picture } from '@weightspace/parameter-graph';

/** Lines are weights, nodes the sums over all that leads to them; blue raises the prediction, orange lowers it. */
export function drawAttribution(architecture: Architecture, weights: NdArrays, title: string): Picture {
  const graph = parameterGraph(architecture, weights);
  return drawGraph(graph, {
    title,
    nodeValues: nodeSums(graph),
    meaning: { positive: 'raises the prediction', negative: 'lowers it' },
  });
}

/** The sum of the values on the edges to each node, and of those on the node. */
export function nodeSums({ blocks, groups, target, values, nodeValues, nodeCount }: ParameterGraph): Float64Array {
  const sums = new Float64Array(nodeCount);
  for (const { kind, start, size, width, valueStart } of blocks) {
    if (STRUCTURAL.has(kind)) continue;
    for (let e = 0; e < size; e++)
      for (let k = 0; k < width; k++) sums[target[start + e]!]! += values[valueStart + e * width + k]!;
  }
  for (const { start, size, features, featureStart } of groups) {
    const columns = features.length;
    for (let n = 0; n < size; n++)
      for (let c = 0; c < columns; c++) sums[start + n]! += nodeValues[featureStart + n * columns + c]!;
  }
  return sums;
}
