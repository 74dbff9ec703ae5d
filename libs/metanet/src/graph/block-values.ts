/** @file Parts of parameters as the values of edge blocks and nodes, and back. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';
import type { TensorView } from '@weightspace/parameter-graph';

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const moves = (sizes: readonly number[], order: readonly number[]): boolean => {
  const long = order.filter((i) => sizes[i]! > 1);
  return long.some((at, i) => i > 0 && long[i - 1]! > at);
};

/** @param weight a parameter; shape `[B, …shape]` @returns shape `[B, G, T, S, P]` */
export function viewTensor({ ranges, sizes, order, shape }: TensorView, weight: Tensor): Tensor {
  const batch = weight.shape[0]!;
  const whole = ranges.every(({ start, size }, axis) => start === 0 && size === weight.shape[axis + 1]);
  const part = whole
    ? weight
    : tf.slice(weight, [0, ...ranges.map(({ start }) => start)], [batch, ...ranges.map(({ size }) => size)]);
  const sorted = moves(sizes, order)
    ? tf.transpose(tf.reshape(part, [batch, ...sizes]), [0, ...order.map((axis) => axis + 1)])
    : part;
  return tf.reshape(sorted, [batch, shape.shared, shape.target, shape.source, shape.places]);
}

/**
 * Parameters from their parts, the inverse of `viewTensor`.
 *
 * @param parts of one parameter, which cover it; shapes `[B, G, T, S, P]`
 * @returns shape `[B, …shape]`
 */
export function joinViews(
  parts: readonly { readonly view: TensorView; readonly value: Tensor }[],
  shape: readonly number[],
): Tensor {
  const boxes = parts.map(({ view: { ranges, sizes, order }, value }) => {
    const batch = value.shape[0]!;
    const along = order.map((axis) => sizes[axis]!);
    const stored = moves(sizes, order)
      ? tf.transpose(tf.reshape(value, [batch, ...along]), [0, ...sizes.map((_, axis) => order.indexOf(axis) + 1)])
      : value;
    return { ranges, value: tf.reshape(stored, [batch, ...ranges.map(({ size }) => size)]) };
  });
  return concatenate(boxes, shape.length - 1);
}

interface Box {
  readonly ranges: TensorView['ranges'];
  readonly value: Tensor;
}

/** Joins boxes that tile an array: along the last axis first, then along those before it. */
function concatenate(boxes: readonly Box[], axis: number): Tensor {
  if (boxes.length === 1) return boxes[0]!.value;
  if (axis < 0) throw new RangeError('internal: the parts of a parameter must tile it');
  const rows = new Map<string, Box[]>();
  for (const box of boxes) {
    const key = box.ranges.map(({ start }, i) => (i === axis ? '' : start)).join();
    rows.set(key, [...(rows.get(key) ?? []), box]);
  }
  const joined = [...rows.values()].map((row): Box => {
    if (row.length === 1) return row[0]!;
    const sorted = row.toSorted((a, b) => a.ranges[axis]!.start - b.ranges[axis]!.start);
    const size = product([sorted.reduce((sum, { ranges }) => sum + ranges[axis]!.size, 0)]);
    const ranges = sorted[0]!.ranges.map((range, i) => (i === axis ? { start: range.start, size } : range));
    return {
      ranges,
      value: tf.concat(
        sorted.map(({ value }) => value),
        axis + 1,
      ),
    };
  });
  return concatenate(joined, axis - 1);
}
