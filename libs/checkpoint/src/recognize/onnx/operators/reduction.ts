/** @file Operators that sum up axes, or find a place along one. */
import type { AxisLabel } from '../labeller.ts';
import { axisFrom, intsOf } from './operator.ts';
import type { Operator, OperatorTable } from './operator.ts';

const reduce: Operator = (labeller, node) => {
  const labels = labeller.get(node.inputs[0]!);
  const given = intsOf(labeller, node, 'axes', 1);
  const all = given === undefined || given.length === 0;
  if (all && node.attributes.int('noop_with_empty_axes', 0) !== 0) return labeller.put(node.outputs[0]!, labels);
  const axes = all ? labels.map((_, axis) => axis) : given.map((axis) => axisFrom(axis, labels.length));
  labeller.remove(labels, axes);
  labeller.put(node.outputs[0]!, without(labels, axes, node.attributes.int('keepdims', 1) !== 0));
};

const without = (labels: readonly AxisLabel[], axes: readonly number[], kept: boolean): AxisLabel[] =>
  labels.flatMap((label, axis) => (!axes.includes(axis) ? [label] : kept ? [undefined] : []));

/** Its result counts along the axis. */
const placeOf: Operator = (labeller, node) => {
  const labels = labeller.get(node.inputs[0]!);
  const axis = axisFrom(node.attributes.int('axis', 0), labels.length);
  labeller.freezeReported(node, [labels[axis]], 'its result counts along the axis');
  labeller.remove(labels, [axis]);
  labeller.put(node.outputs[0]!, without(labels, [axis], node.attributes.int('keepdims', 1) !== 0));
};

const topK: Operator = (labeller, node) => {
  const labels = labeller.get(node.inputs[0]!);
  const axis = axisFrom(node.attributes.int('axis', -1), labels.length);
  labeller.freezeReported(node, [labels[axis]], 'its result counts along the axis');
  labeller.remove(labels, [axis]);
  for (const output of node.outputs.filter((name) => name !== '')) {
    labeller.put(
      output,
      labels.map((label, i) => (i === axis ? labeller.fixed(labeller.shape(output)[axis]!) : label)),
    );
  }
};

const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'];

export const reductionOperators: OperatorTable = {
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, reduce])),
  ArgMax: placeOf,
  ArgMin: placeOf,
  TopK: topK,
};
