/** @file Norms and softmaxes: statistics over some axes, which stay. */
import type { ParameterKind } from '@weightspace/architecture';

import type { OnnxNode } from '../graph.ts';
import type { AxisLabel, Labeller } from '../labeller.ts';
import { axisFrom } from './operator.ts';
import type { Operator, OperatorTable } from './operator.ts';

const from = (axis: number, rank: number): number[] => Array.from({ length: rank - axis }, (_, i) => axis + i);

/** One number for each channel. */
function perChannel(
  labeller: Labeller,
  node: OnnxNode,
  names: readonly (string | undefined)[],
  kinds: readonly ParameterKind[],
  channels: AxisLabel,
): void {
  names.forEach((name, i) => {
    if (!name) return;
    labeller.unify(labeller.get(name)[0], channels);
    labeller.use(name, node, kinds[i]!, ['index']);
  });
}

const batchNorm: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  perChannel(labeller, node, node.inputs.slice(1, 5), ['scale', 'shift', 'statistic', 'statistic'], x[1]);
  const known =
    x[1] ??
    node.inputs
      .slice(1)
      .map((name) => labeller.get(name)[0])
      .find((label) => label !== undefined);
  labeller.put(
    node.outputs[0]!,
    x.map((label, axis) => (axis === 1 ? known : label)),
  );
  for (const output of node.outputs.slice(1)) labeller.put(output, [known]);
};

const instanceNorm: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  const channels = x[1] ?? labeller.get(node.inputs[1]!)[0];
  perChannel(labeller, node, node.inputs.slice(1, 3), ['scale', 'shift'], channels);
  labeller.remove(x, from(2, x.length));
  labeller.put(
    node.outputs[0]!,
    x.map((label, axis) => (axis === 1 ? channels : label)),
  );
};

/** Statistics over blocks of channels: blocks may change places, and channels within a block. */
const groupNorm: Operator = (labeller, node) => {
  const [input, scale, bias] = node.inputs as [string, string, string];
  const x = labeller.get(input);
  const groups = node.attributes.int('num_groups', 1);
  const channels = labeller.shape(input)[1]!;
  const [group] =
    x[1] && groups > 1 && groups < channels
      ? labeller.solver.splitProduct(x[1], [groups, channels / groups], { kinds: ['group', 'neuron'] })
      : [x[1]];
  // Before opset 21 there is one scale for each group.
  const each = labeller.shape(scale)[0] === channels ? x[1] : group;
  perChannel(labeller, node, [scale, bias], ['scale', 'shift'], each);
  labeller.remove(x, from(2, x.length));
  labeller.put(node.outputs[0]!, x);
};

const layerNorm =
  (standard: number): Operator =>
  (labeller, node) => {
    const [input, ...affine] = node.inputs as [string, ...string[]];
    const x = labeller.get(input);
    const axis = axisFrom(node.attributes.int('axis', standard), x.length);
    const present = affine.filter((name) => name !== '');
    const result = labeller.broadcast([x, ...present.map((name) => labeller.get(name))]);
    affine.forEach((name, i) => {
      if (name)
        labeller.use(
          name,
          node,
          i === 0 ? 'scale' : 'shift',
          labeller.get(name).map(() => 'index' as const),
        );
    });
    labeller.remove(x, from(axis, x.length));
    labeller.put(node.outputs[0]!, result);
    for (const output of node.outputs.slice(1))
      labeller.put(
        output,
        x.map((label, i) => (i < axis ? label : undefined)),
      );
  };

/** Over one axis; before opset 13 over all behind it, too. */
const softmax: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  const old = labeller.evaluation.opset < 13;
  const axis = axisFrom(node.attributes.int('axis', old ? 1 : -1), x.length);
  labeller.remove(x, old ? from(axis, x.length) : [axis]);
  labeller.put(node.outputs[0]!, x);
};

/** Sums over neighbouring channels. */
const localResponse: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  labeller.freeze([x[1]]);
  labeller.put(node.outputs[0]!, x);
};

/** Over axes that the attributes name, so that any of them may be one. */
const overSome: Operator = (labeller, node) => {
  const x = labeller.get(node.inputs[0]!);
  x.forEach((_, axis) => labeller.remove(x, [axis]));
  labeller.put(node.outputs[0]!, x);
};

export const normalizations: OperatorTable = {
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
  GroupNormalization: groupNorm,
  LayerNormalization: layerNorm(-1),
  RMSNormalization: layerNorm(-1),
  SimplifiedLayerNormalization: layerNorm(-1),
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: (labeller, node) => {
    const x = labeller.get(node.inputs[0]!);
    // The first of several equal largest wins, so the order has a meaning.
    labeller.freeze(x);
    labeller.put(node.outputs[0]!, x);
  },
  LpNormalization: overSome,
  MeanVarianceNormalization: overSome,
  LRN: localResponse,
};
