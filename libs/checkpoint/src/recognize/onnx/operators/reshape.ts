/** @file Operators that keep all elements and their row-major order, or exchange axes. */
import type { Label } from '@weightspace/architecture';

import type { OnnxNode } from '../graph.ts';
import type { AxisLabel, Labeller } from '../labeller.ts';
import { axisFrom } from './operator.ts';
import type { Operator, OperatorTable } from './operator.ts';

/** Consecutive axes of a shape that hold the same elements as consecutive axes of another. */
interface Block {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The finest blocks of two shapes of one size; axes of size 1 are in none. */
function blocksOf(before: readonly number[], after: readonly number[]): Block[] {
  const axes = (shape: readonly number[]) => shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const [left, right] = [axes(before), axes(after)];
  const result: Block[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    const [starts, ends] = [i, j];
    let [p, q] = [before[left[i++]!]!, after[right[j++]!]!];
    while (p !== q) {
      if (p < q) p *= before[left[i++]!]!;
      else q *= after[right[j++]!]!;
    }
    result.push({ before: left.slice(starts, i), after: right.slice(ends, j) });
  }
  return result;
}

/** Labels of a tensor after a reshape. */
export function reshapeLabels(
  labeller: Labeller,
  labels: readonly AxisLabel[],
  before: readonly number[],
  after: readonly number[],
): AxisLabel[] {
  const result = Array<AxisLabel>(after.length).fill(undefined);
  if (before.includes(0) || after.includes(0)) return after.map((size) => labeller.fixed(size));
  for (const block of blocksOf(before, after)) {
    const given = block.before.map((axis) => labels[axis]);
    if (given.every((label) => label === undefined)) continue;
    if (block.before.length === 1 && block.after.length === 1) {
      result[block.after[0]!] = given[0];
      continue;
    }
    const whole = mergeAxes(
      labeller,
      given,
      block.before.map((axis) => before[axis]!),
    );
    const sizes = block.after.map((axis) => after[axis]!);
    const parts = sizes.length === 1 ? [whole] : labeller.solver.splitProduct(whole, sizes);
    block.after.forEach((axis, i) => (result[axis] = parts[i]));
  }
  return result;
}

/** One label for consecutive axes. Along an axis without a label values repeat, so its order is free within what is before it. */
function mergeAxes(labeller: Labeller, labels: readonly AxisLabel[], sizes: readonly number[]): Label {
  const { solver } = labeller;
  const given: Label[] = [];
  labels.forEach((label, i) => {
    const last = given.length === 0 ? undefined : solver.resolve(given.at(-1)!);
    const parent = last?.length === 1 ? last[0]!.at(-1) : undefined;
    const within = parent !== undefined && solver.describe(parent).free ? parent : undefined;
    given.push(label ?? labeller.any(sizes[i]!, within));
  });
  return given.length === 1 ? given[0]! : solver.merge(given);
}

const reshape: Operator = (labeller, { inputs, outputs }) => {
  const [input, output] = [inputs[0]!, outputs[0]!];
  const [before, after] = [labeller.shape(input), labeller.shape(output)];
  labeller.put(output, reshapeLabels(labeller, labeller.get(input), before, after));
  const large = (shape: readonly number[]) => shape.filter((size) => size > 1);
  if (large(before).join() !== large(after).join()) return;
  let at = -1;
  labeller.view(
    input,
    output,
    after.map((size) => (size > 1 ? (at = before.findIndex((n, i) => i > at && n > 1)) : -1)),
  );
};

const transpose: Operator = (labeller, { inputs, outputs, attributes }) => {
  const labels = labeller.get(inputs[0]!);
  const order = attributes.ints('perm') ?? labels.map((_, axis) => labels.length - 1 - axis);
  labeller.put(
    outputs[0]!,
    order.map((axis) => labels[axis]),
  );
  labeller.view(inputs[0]!, outputs[0]!, order);
};

/** Blocks of channels become neighbouring places. */
const depthToSpace: Operator = (labeller, { inputs, outputs, attributes }) => {
  const [n, c, h, w] = labeller.shape(inputs[0]!) as [number, number, number, number];
  const b = attributes.int('blocksize', 1);
  const columnsFirst = attributes.text('mode', 'DCR') === 'CRD';
  const split = columnsFirst ? [n, c / b / b, b, b, h, w] : [n, b, b, c / b / b, h, w];
  const order = columnsFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const labels = reshapeLabels(labeller, labeller.get(inputs[0]!), [n, c, h, w], split);
  const moved = order.map((axis) => labels[axis]);
  const shape = order.map((axis) => split[axis]!);
  labeller.put(outputs[0]!, reshapeLabels(labeller, moved, shape, labeller.shape(outputs[0]!)));
};

const spaceToDepth: Operator = (labeller, { inputs, outputs, attributes }) => {
  const [n, c, h, w] = labeller.shape(inputs[0]!) as [number, number, number, number];
  const b = attributes.int('blocksize', 1);
  const split = [n, c, h / b, b, w / b, b];
  const labels = reshapeLabels(labeller, labeller.get(inputs[0]!), [n, c, h, w], split);
  const order = [0, 3, 5, 1, 2, 4];
  const shape = order.map((axis) => split[axis]!);
  const moved = order.map((axis) => labels[axis]);
  labeller.put(outputs[0]!, reshapeLabels(labeller, moved, shape, labeller.shape(outputs[0]!)));
};

/** Values repeat along new axes. */
const expand: Operator = (labeller, { inputs, outputs }) => {
  const labels = labeller.get(inputs[0]!);
  const rank = labeller.rank(outputs[0]!);
  labeller.put(outputs[0]!, [...Array<AxisLabel>(rank - labels.length).fill(undefined), ...labels]);
};

/** Whole copies, one after the other: the copy is a slower factor than what is copied. */
const tile: Operator = (labeller, { inputs, outputs }) => {
  const [before, after] = [labeller.shape(inputs[0]!), labeller.shape(outputs[0]!)];
  const labels = labeller.get(inputs[0]!).map((label, axis) => {
    const copies = after[axis]! / before[axis]!;
    return copies === 1 || label === undefined ? label : labeller.solver.merge([labeller.any(copies), label]);
  });
  labeller.put(outputs[0]!, labels);
};

/** Interpolates along axes whose size changes. */
const resize: Operator = (labeller, { inputs, outputs }: OnnxNode) => {
  const [before, after] = [labeller.shape(inputs[0]!), labeller.shape(outputs[0]!)];
  const labels = labeller.get(inputs[0]!);
  const changed = labels.flatMap((_, axis) => (before[axis] === after[axis] ? [] : [axis]));
  labeller.freeze(changed.map((axis) => labels[axis]));
  labeller.remove(labels, changed);
  labeller.put(
    outputs[0]!,
    labels.map((label, axis) => (changed.includes(axis) ? labeller.fixed(after[axis]!) : label)),
  );
};

const ofShape: Operator = (labeller, { outputs }) => {
  for (const output of outputs) labeller.put(output, labeller.byValue(output));
};

/** Sums along an axis in its order. */
const cumSum: Operator = (labeller, { inputs, outputs }) => {
  const labels = labeller.get(inputs[0]!);
  const axis = axisFrom(labeller.numbers(inputs[1])?.[0] ?? 0, labels.length);
  labeller.freeze(labeller.numbers(inputs[1]) ? [labels[axis]] : labels);
  labeller.remove(labels, [axis]);
  labeller.put(outputs[0]!, labels);
};

export const reshapes: OperatorTable = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Expand: expand,
  Tile: tile,
  Resize: resize,
  Upsample: resize,
  Shape: ofShape,
  Size: ofShape,
  CumSum: cumSum,
};
