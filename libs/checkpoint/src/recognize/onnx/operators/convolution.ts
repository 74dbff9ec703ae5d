/** @file Convolutions and pooling: channels on axis 1, places behind them. */
import type { AxisRole } from '@weightspace/architecture';

import type { OnnxNode } from '../graph.ts';
import type { AxisLabel, Labeller } from '../labeller.ts';
import type { Operator, OperatorTable } from './operator.ts';
import { perColumn } from './products.ts';

/** An axis of `groups` blocks. @returns the label of the blocks and that of the channels in one */
function blocks(labeller: Labeller, label: AxisLabel, groups: number): [AxisLabel, AxisLabel] {
  if (groups === 1) return [undefined, label];
  if (label === undefined) return [undefined, undefined];
  const size = labeller.solver.sizeOf(label) / groups;
  if (size === 1) return [label, undefined];
  const [group, inner] = labeller.solver.splitProduct(label, [groups, size], { kinds: ['group', 'neuron'] });
  return [group, inner];
}

/** Places move with the window over them, so that their order has a meaning, before and after. */
function windowed(labeller: Labeller, node: OnnxNode, x: readonly AxisLabel[], channels: AxisLabel): void {
  const places = x.slice(2);
  labeller.freeze(places);
  labeller.remove(
    x,
    places.map((_, i) => i + 2),
  );
  const output = node.outputs[0]!;
  labeller.put(output, [
    x[0],
    channels,
    ...labeller
      .shape(output)
      .slice(2)
      .map((size) => labeller.fixed(size)),
  ]);
}

/** @returns the label of the output's channels */
function convolve(
  labeller: Labeller,
  node: OnnxNode,
  x: readonly AxisLabel[],
  weight: string,
  transposed: boolean,
): AxisLabel {
  const groups = node.attributes.int('group', 1);
  const labels = labeller.get(weight);
  labels
    .slice(2)
    .forEach((label, i) => labeller.unify(label, labeller.fixed(labeller.shape(weight)[i + 2]!, 'kernel')));
  labeller.use(
    weight,
    node,
    'weight',
    labels.map((_, axis): AxisRole => (axis > 1 ? 'index' : (axis === 0) === transposed ? 'in' : 'out')),
  );
  // A transposed convolution stores [in, out / groups, …], the other [out, in / groups, …].
  const [group, ingoing] = blocks(labeller, x[1], groups);
  const [own, inner] = blocks(labeller, labels[0], groups);
  labeller.unify(group, own);
  labeller.unify(ingoing, transposed ? inner : labels[1]);
  labeller.remove(x, [1]);
  if (!transposed) return labels[0];
  const [shared, outgoing] = [group ?? own, labels[1]];
  if (groups === 1) return outgoing;
  const size = (labeller.shape(weight)[1] ?? 1) * groups;
  const factors = [shared ?? labeller.any(groups), ...(size > groups ? [outgoing ?? labeller.any(size / groups)] : [])];
  return labeller.solver.merge(factors);
}

const convolution =
  (transposed: boolean): Operator =>
  (labeller, node) => {
    const [input, weight, bias] = node.inputs as [string, string, string?];
    const x = labeller.get(input);
    const channels = convolve(labeller, node, x, weight, transposed);
    if (bias) {
      labeller.unify(labeller.get(bias)[0], channels);
      labeller.use(bias, node, 'bias', ['out']);
    }
    windowed(labeller, node, x, channels);
  };

const qLinearConv: Operator = (labeller, node) => {
  const [input, xScale, xZero, weight, wScale, wZero, yScale, yZero, bias] = node.inputs as readonly string[];
  const x = labeller.get(input!);
  const channels = convolve(labeller, node, x, weight!, false);
  for (const name of [xScale, xZero, yScale, yZero]) labeller.freeze(labeller.get(name!));
  for (const name of [wScale, wZero]) perColumn(labeller, node, name, channels);
  if (bias) {
    labeller.unify(labeller.get(bias)[0], channels);
    labeller.use(bias, node, 'bias', ['out']);
  }
  windowed(labeller, node, x, channels);
};

const convInteger: Operator = (labeller, node) => {
  const [input, weight, xZero, wZero] = node.inputs as [string, string, string?, string?];
  const x = labeller.get(input);
  const channels = convolve(labeller, node, x, weight, false);
  if (xZero) labeller.freeze(labeller.get(xZero));
  perColumn(labeller, node, wZero, channels);
  windowed(labeller, node, x, channels);
};

const pool: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  windowed(labeller, node, x, x[1]);
  const indices = node.outputs[1];
  if (!indices) return;
  // Places in the whole array, channels counted in.
  labeller.freezeReported(node, x, 'its second output counts places over all axes');
  labeller.put(indices, x);
};

/** Means and maxima over all places don't ask for their order. */
const globalPool: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  labeller.remove(
    x,
    x.slice(2).map((_, i) => i + 2),
  );
  labeller.put(node.outputs[0]!, [x[0], x[1], ...x.slice(2).map(() => undefined)]);
};

export const convolutions: OperatorTable = {
  Conv: convolution(false),
  ConvTranspose: convolution(true),
  QLinearConv: qLinearConv,
  ConvInteger: convInteger,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
};
