/** @file Operators that take parts of axes, or join them. */
import type { Label } from '@weightspace/architecture';

import type { OnnxNode } from '../graph.ts';
import type { AxisLabel, Labeller } from '../labeller.ts';
import { OWN_DOMAIN } from '../simplify.ts';
import { axisFrom, freezeNode, intsOf } from './operator.ts';
import type { Operator, OperatorTable } from './operator.ts';
import { reshapeLabels } from './reshape.ts';

/** Whether other axes of the tensor have an order for each member of this one. */
function hasWithin(labeller: Labeller, labels: readonly AxisLabel[], axis: number): boolean {
  const { solver } = labeller;
  const own = new Set(labels[axis] ? solver.resolve(labels[axis]).flat() : []);
  const others = labels.flatMap((label, i) => (label && i !== axis ? solver.resolve(label).flat() : []));
  return others.some((leaf) => {
    for (let up = solver.describe(leaf).within; up !== undefined; up = solver.describe(up).within)
      if (own.has(up)) return true;
    return false;
  });
}

/**
 * Consecutive parts of one axis.
 *
 * @returns labels of each part; what is within the axis is told apart
 */
function partsOf(
  labeller: Labeller,
  labels: readonly AxisLabel[],
  axis: number,
  sizes: readonly number[],
): AxisLabel[][] {
  const label = labels[axis];
  const { solver } = labeller;
  if (label === undefined) return sizes.map(() => [...labels]);
  if (!solver.isFree(label) && !hasWithin(labeller, labels, axis)) {
    return sizes.map((size) => labels.map((own, i) => (i === axis ? labeller.fixed(size) : own)));
  }
  const present = labels.flatMap((own, i) => (own === undefined ? [] : [i]));
  const kept = sizes.filter((size) => size > 0);
  const parts = solver.select(
    present.map((i) => labels[i]!),
    present.indexOf(axis),
    kept,
  );
  let at = 0;
  return sizes.map((size) => {
    if (size === 0) return labels.map((own, i) => (i === axis ? undefined : own));
    const part = parts[at++]!;
    return labels.map((own, i) => (own === undefined ? undefined : part[present.indexOf(i)]));
  });
}

const split: Operator = (labeller, node) => {
  const labels = labeller.get(node.inputs[0]!);
  const axis = axisFrom(node.attributes.int('axis', 0), labels.length);
  const sizes = node.outputs.map((output) => labeller.shape(output)[axis]!);
  partsOf(labeller, labels, axis, sizes).forEach((part, i) => labeller.put(node.outputs[i]!, part));
};

/** The part of an axis from `start` on. */
function range(
  labeller: Labeller,
  labels: readonly AxisLabel[],
  axis: number,
  size: number,
  start: number,
  length: number,
): AxisLabel[] {
  if (length === size) return [...labels];
  const sizes = [start, length, size - start - length];
  return partsOf(labeller, labels, axis, sizes)[1]!;
}

const slice: Operator = (labeller, node) => {
  const input = node.inputs[0]!;
  const [before, after] = [labeller.shape(input), labeller.shape(node.outputs[0]!)];
  const starts = intsOf(labeller, node, 'starts', 1);
  if (starts === undefined) return changed(labeller, node, 'it starts where the inputs say');
  const axes = (intsOf(labeller, node, 'axes', 3) ?? starts.map((_, i) => i)).map((axis) =>
    axisFrom(axis, before.length),
  );
  const steps = labeller.numbers(node.inputs[4]) ?? axes.map(() => 1);
  let labels: readonly AxisLabel[] = labeller.get(input);
  axes.forEach((axis, i) => {
    const [size, length] = [before[axis]!, after[axis]!];
    const start = Math.min(size, Math.max(0, axisFrom(starts[i]!, size)));
    if (steps[i] === 1) labels = range(labeller, labels, axis, size, start, length);
    else if (size > 1) labels = inOrder(labeller, node, labels, axis, length, `it takes every ${steps[i]}th`);
  });
  labeller.put(node.outputs[0]!, labels);
};

/** Takes some members of an axis in an order that means something. */
function inOrder(
  labeller: Labeller,
  node: OnnxNode,
  labels: readonly AxisLabel[],
  axis: number,
  length: number,
  reason: string,
): AxisLabel[] {
  if (labels[axis] === undefined) return [...labels];
  labeller.freezeReported(node, [labels[axis]], reason);
  labeller.remove(labels, [axis]);
  return labels.map((label, i) => (i === axis ? labeller.fixed(length) : label));
}

/** Fixes the axes whose size changes. */
function changed(labeller: Labeller, node: OnnxNode, reason: string): void {
  const [before, after] = [labeller.shape(node.inputs[0]!), labeller.shape(node.outputs[0]!)];
  if (before.length !== after.length) return freezeNode(labeller, node, reason);
  let labels: readonly AxisLabel[] = labeller.get(node.inputs[0]!);
  after.forEach((size, axis) => {
    // An axis of unchanged size may still have been turned around.
    labels = inOrder(labeller, node, labels, axis, size, reason);
  });
  labeller.put(node.outputs[0]!, labels);
}

/** Rows of a table, or parts of an axis. */
const gather: Operator = (labeller, node) => {
  const [data, indices] = node.inputs as [string, string];
  const labels = labeller.get(data);
  const axis = axisFrom(node.attributes.int('axis', 0), labels.length);
  const size = labeller.shape(data)[axis]!;
  const places = labeller.numbers(indices)?.map((place) => axisFrom(place, size));
  labeller.use(
    data,
    node,
    'weight',
    labels.map((_, i) => (i === axis ? 'in' : 'out')),
  );
  const scalar = labeller.rank(indices) === 0;
  const others = (kept: readonly AxisLabel[], middle: readonly AxisLabel[]) =>
    labeller.put(node.outputs[0]!, [...kept.slice(0, axis), ...middle, ...kept.slice(axis + 1)]);
  if (places?.every((place, i) => place === places[0]! + i) && (scalar || labeller.rank(indices) === 1)) {
    const part = range(labeller, labels, axis, size, places[0] ?? 0, places.length);
    return others(part, scalar ? [] : [part[axis]]);
  }
  const within =
    places === undefined ? labeller.get(indices) : labeller.shape(indices).map((size) => labeller.fixed(size));
  // Rows that inputs ask for by number have an order, which is nothing to report.
  if (places === undefined) labeller.freeze([labels[axis]]);
  const kept = inOrder(labeller, node, labels, axis, size, 'its indices are in no plain order');
  others(kept, labels[axis] === undefined ? labeller.shape(indices).map(() => undefined) : within);
};

/** Axes end to end; where all of it is fixed, one fixed label says as much. */
function joined(
  labeller: Labeller,
  labels: readonly AxisLabel[],
  sizes: readonly number[],
  within: boolean,
): AxisLabel {
  const { solver } = labeller;
  const present = labels.flatMap((label, i) => (sizes[i] === 0 ? [] : [{ label, size: sizes[i]! }]));
  if (present.every(({ label }) => label === undefined) && present.length === 1) return undefined;
  const free = present.some(({ label }) => label !== undefined && solver.isFree(label));
  if (!free && !within) return labeller.fixed(sizes.reduce((sum, size) => sum + size, 0));
  return solver.concat(present.map(({ label, size }): Label => label ?? labeller.any(size)));
}

const concat: Operator = (labeller, node) => {
  const inputs = node.inputs.filter((name) => name !== '');
  const all = inputs.map((name) => labeller.get(name));
  const axis = axisFrom(node.attributes.int('axis', 1), all[0]!.length);
  const sizes = inputs.map((name) => labeller.shape(name)[axis]!);
  // Arrays without elements say nothing about the other axes.
  const others = all
    .filter((_, i) => sizes[i]! > 0)
    .map((labels) => labels.map((label, i) => (i === axis ? undefined : label)));
  const rest = others.length === 0 ? all[0]! : labeller.broadcast(others);
  const within = all.some((labels) => hasWithin(labeller, labels, axis));
  const along = joined(
    labeller,
    all.map((labels) => labels[axis]),
    sizes,
    within,
  );
  labeller.put(
    node.outputs[0]!,
    rest.map((label, i) => (i === axis ? along : label)),
  );
};

const pad: Operator = (labeller, node) => {
  const input = node.inputs[0]!;
  const [before, after] = [labeller.shape(input), labeller.shape(node.outputs[0]!)];
  const pads = node.attributes.ints('pads') ?? labeller.numbers(node.inputs[1]);
  if (pads === undefined) return changed(labeller, node, 'the inputs say how much it pads');
  const axes = (labeller.numbers(node.inputs[3]) ?? before.map((_, i) => i)).map((axis) =>
    axisFrom(axis, before.length),
  );
  const constant = node.attributes.text('mode', 'constant') === 'constant';
  const labels = labeller.get(input);
  const result = [...labels];
  axes.forEach((axis, i) => {
    const [front, back] = [pads[i]!, pads[i + axes.length]!];
    if (front === 0 && back === 0) return;
    const label = labels[axis];
    const plain = constant && front >= 0 && back >= 0;
    if (plain) {
      result[axis] = joined(
        labeller,
        [labeller.fixed(front), label, labeller.fixed(back)],
        [front, before[axis]!, back],
        hasWithin(labeller, labels, axis),
      );
    } else {
      labeller.freezeReported(node, [label], 'it copies members of the axis, or drops some');
      labeller.remove(labels, [axis]);
      result[axis] = labeller.fixed(after[axis]!);
    }
  });
  labeller.put(node.outputs[0]!, result);
};

/** One member of an axis, which goes away. */
const select: Operator = (labeller, { inputs, outputs, attributes }) => {
  const [labels, shape] = [labeller.get(inputs[0]!), labeller.shape(inputs[0]!)];
  const axis = attributes.int('axis', 0);
  labeller.put(
    outputs[0]!,
    range(labeller, labels, axis, shape[axis]!, attributes.int('index', 0), 1).toSpliced(axis, 1),
  );
};

/** All members of an axis end to end along another: a slower factor of that. */
const join: Operator = (labeller, { inputs, outputs, attributes }) => {
  const [input, output] = [inputs[0]!, outputs[0]!];
  const [labels, shape] = [labeller.get(input), labeller.shape(input)];
  const [axis, along] = [attributes.int('axis', 0), attributes.int('along', 0)];
  const order = labels
    .map((_, i) => i)
    .toSpliced(axis, 1)
    .toSpliced(along, 0, axis);
  const moved = order.map((i) => labels[i]);
  labeller.put(
    output,
    reshapeLabels(
      labeller,
      moved,
      order.map((i) => shape[i]!),
      labeller.shape(output),
    ),
  );
};

const reversed: Operator = (labeller, node) => changed(labeller, node, 'it turns sequences around');

export const selections: OperatorTable = {
  Split: split,
  Slice: slice,
  Gather: gather,
  Concat: concat,
  Pad: pad,
  ReverseSequence: reversed,
  [`${OWN_DOMAIN}.Select`]: select,
  [`${OWN_DOMAIN}.Join`]: join,
};
