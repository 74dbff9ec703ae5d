import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

import type { ParameterGraph } from './parameter-graph.ts';
import { ParameterGraphError } from './parameter-graph-error.ts';

/**
 * The parameters that a graph holds, bit for bit; with other values for the same graph, those.
 *
 * @param values one for each value of the graph's edges (`graph.values`) and nodes (`graph.nodeValues`), e.g. what a
 *   metanet gives
 * @returns by name; without running statistics where the graph was made with `exact: false`
 * @throws {ParameterGraphError} when there are more or fewer values than the graph has
 */
export function graphParameters(
  graph: ParameterGraph,
  values: { readonly values?: Float32Array; readonly nodeValues?: Float32Array } = {},
): NdArrays {
  const { values: edges = graph.values, nodeValues: nodes = graph.nodeValues } = values;
  check('values', edges, graph.values);
  check('nodeValues', nodes, graph.nodeValues);
  const { parameters } = graph.network;
  const flat = new Int32Array(parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
  scatter(flat, graph.slots, edges);
  scatter(flat, graph.nodeSlots, nodes);
  const present = new Set<string | undefined>([
    ...graph.blocks.map(({ parameter }) => parameter),
    ...graph.groups.flatMap(({ features }) => features.map(({ parameter }) => parameter)),
  ]);
  let offset = 0;
  const entries = parameters.map(({ name, shape }) => {
    const size = sizeOf(shape);
    offset += size;
    return [name, ndarray(new Float32Array(flat.buffer.slice((offset - size) * 4, offset * 4)), shape)] as const;
  });
  return Object.fromEntries(entries.filter(([name]) => present.has(name)));
}

function check(what: string, values: Float32Array, expected: Float32Array): void {
  if (values.length === expected.length) return;
  const message = `${what} must hold the graph's ${expected.length} values, got ${values.length}`;
  throw new ParameterGraphError('graphParameters', message);
}

function scatter(flat: Int32Array, slots: Int32Array, values: Float32Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < slots.length; i++) if (slots[i]! >= 0) flat[slots[i]!] = bits[i]!;
}
