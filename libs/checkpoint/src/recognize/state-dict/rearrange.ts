/** @file Values from the file's layout to the architecture's, and back. */
import { sizeOf } from '@weightspace/compute';

import { RecognitionError } from '../onnx/recognition-error.ts';
import type { Step } from './recognized-network.ts';

const strides = (shape: readonly number[]): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** Shape after the step. @throws {RecognitionError} when the step doesn't fit the shape */
export function stepShape(shape: readonly number[], step: Step, place: string): readonly number[] {
  const fail = (expected: string): never => {
    throw new RecognitionError('recognize', place, expected, `[${shape.join(', ')}]`);
  };
  if ('transpose' in step) {
    if (step.transpose.length !== shape.length) fail(`have ${step.transpose.length} axes`);
    return step.transpose.map((axis) => shape[axis]!);
  }
  if ('reshape' in step) {
    return sizeOf(step.reshape) === sizeOf(shape) ? step.reshape : fail(`have ${sizeOf(step.reshape)} values`);
  }
  const { axis, order } = step.gather;
  if (!(axis < shape.length) || order.some((i) => i >= shape[axis]!)) fail(`have the indices that are taken`);
  return shape.map((size, i) => (i === axis ? order.length : size));
}

export const stepsShape = (shape: readonly number[], steps: readonly Step[], place: string): readonly number[] =>
  steps.reduce((current, step) => stepShape(current, step, place), shape);

/** Index in the file's tensor of each value of the parameter; undefined where values stay where they are. */
export function sourceIndices(shape: readonly number[], steps: readonly Step[]): Int32Array | undefined {
  if (steps.every((step) => 'reshape' in step)) return undefined;
  let current = shape;
  let indices: Int32Array = Int32Array.from({ length: sizeOf(shape) }, (_, i) => i);
  for (const step of steps) {
    const next = stepShape(current, step, 'a tensor');
    if (!('reshape' in step)) indices = pick(indices, current, next, step);
    current = next;
  }
  return indices;
}

function pick(
  indices: Int32Array,
  from: readonly number[],
  to: readonly number[],
  step: Exclude<Step, { reshape: unknown }>,
): Int32Array {
  const own = strides(from);
  const result = new Int32Array(sizeOf(to));
  const axes = 'transpose' in step ? step.transpose : to.map((_, axis) => axis);
  const gathered = 'gather' in step ? step.gather : undefined;
  // Where each index of each new axis leads in the old tensor.
  const offsets = to.map((size, axis) =>
    Int32Array.from({ length: size }, (_, i) => own[axes[axis]!]! * (gathered?.axis === axis ? gathered.order[i]! : i)),
  );
  const counters = to.map(() => 0);
  for (let i = 0; i < result.length; i++) {
    let at = 0;
    for (let axis = 0; axis < to.length; axis++) at += offsets[axis]![counters[axis]!]!;
    result[i] = indices[at]!;
    for (let axis = to.length - 1; axis >= 0 && ++counters[axis]! === to[axis]; axis--) counters[axis] = 0;
  }
  return result;
}
