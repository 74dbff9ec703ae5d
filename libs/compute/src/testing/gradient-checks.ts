/** @file Checks of gradients for tests. They throw or return, so any runner can use them. */
import { mapValues, toTensor } from '../nd-array.ts';
import type { NdArray, Tensors } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { isNdArray, isTensor } from '../tree.ts';
import { valueAndGrads } from '../value-and-grads.ts';

type Inputs<K extends string = string> = { readonly [name in K]: NdArray | Tensor };
type Outputs = Tensor | readonly Tensor[] | { readonly [name: string]: Tensor };

/**
 * Names of the inputs that no output depends on: all of their gradient is 0, at this point.
 *
 * @param f from tensors of these names to a tensor, or a list or record of tensors
 * @throws when a gradient isn't finite
 */
export function deadInputs<K extends string>(f: (inputs: Record<K, Tensor>) => Outputs, inputs: Inputs<K>): K[] {
  return tf.tidy(() => {
    const { grads } = valueAndGrads((x) => total(f(x as Record<K, Tensor>)), mapValues(inputs, tensorOf));
    return (Object.keys(inputs) as K[]).filter((name) => {
      const values = Array.from(grads[name]!.dataSync());
      const bad = values.findIndex((v) => !Number.isFinite(v));
      if (bad < 0) return values.every((v) => v === 0);
      throw new Error(`deadInputs: gradient of '${name}' must be finite, got ${values[bad]} at element ${bad}`);
    });
  });
}

/**
 * Compares tfjs's gradient of Σ sin(f) with central differences.
 *
 * In float32, ε between 3e-3 and 1e-2 serves best: errors near 1e-4 for right gradients, near 1 for wrong ones.
 * Keep inputs away from kinks (ReLU at 0), which differences step across. Takes two calls of `f` per element.
 *
 * @param x one input of `f`, or a record of several
 * @param epsilon half the distance of the two points
 * @returns the largest |analytic − difference|, as a share of the largest slope of the same input, or of 1 % of the largest
 *   of all inputs where that is more
 * @throws when the slope is 0 everywhere (then any gradient that is 0 would pass), or isn't finite
 */
export function gradientError(f: (x: Tensor) => Outputs, x: NdArray | Tensor, epsilon?: number): number;
export function gradientError<K extends string>(
  f: (x: Record<K, Tensor>) => Outputs,
  x: Inputs<K>,
  epsilon?: number,
): number;
export function gradientError(f: (x: never) => Outputs, x: NdArray | Tensor | Inputs, epsilon = 1e-2): number {
  const single = isTensor(x) || isNdArray(x);
  const inputs: Inputs = single ? { x } : (x as Inputs);
  const g = (points: Tensors) => f((single ? points['x'] : points) as never);
  return tf.tidy(() => {
    const points = mapValues(inputs, tensorOf);
    const { grads } = valueAndGrads((p) => total(g(p)), points);
    const found = Object.keys(points).map((name) => compare(g, points, name, grads[name]!, epsilon));
    const largest = Math.max(0, ...found.map(({ slope }) => slope));
    if (largest === 0)
      throw new Error('gradientError: vacuous: the slope is 0 everywhere, so a gradient of 0 would pass');
    return Math.max(...found.map(({ error, slope }) => error / Math.max(slope, largest / 100)));
  });
}

/** The largest error and the largest slope over the elements of one input. */
function compare(f: (points: Tensors) => Outputs, points: Tensors, name: string, grad: Tensor, epsilon: number) {
  const analytic = grad.dataSync();
  let [error, slope] = [0, 0];
  for (let element = 0; element < analytic.length; element++) {
    const at = (distance: number) => valueAt(f, points, name, element, distance);
    const difference = (at(epsilon) - at(-epsilon)) / (2 * epsilon);
    const [a, wrong] = [analytic[element]!, Math.abs(difference - analytic[element]!)];
    if (!Number.isFinite(wrong)) {
      throw new Error(
        `gradientError: slope must be finite, got ${a} (difference ${difference}) at element ${element} of '${name}'`,
      );
    }
    error = Math.max(error, wrong);
    slope = Math.max(slope, Math.abs(difference), Math.abs(a));
  }
  return { error, slope };
}

/** Σ sin(f): a plain sum has constant slopes, which can cancel for reasons of symmetry. */
function total(outputs: Outputs): Tensor {
  const list = isTensor(outputs) ? [outputs] : Object.values(outputs);
  return tf.addN(list.map((y) => tf.sum(tf.sin(y)))) as Tensor;
}

/** Σ sin(f) with one element moved, summed in double precision. */
function valueAt(
  f: (points: Tensors) => Outputs,
  points: Tensors,
  name: string,
  element: number,
  distance: number,
): number {
  return tf.tidy(() => {
    const point = points[name]!;
    const moved = Float32Array.from(point.dataSync());
    moved[element]! += distance;
    const outputs = f({ ...points, [name]: tf.tensor(moved, point.shape) });
    let sum = 0;
    for (const y of isTensor(outputs) ? [outputs] : Object.values(outputs)) {
      for (const value of y.dataSync()) sum += Math.sin(value);
    }
    return sum;
  });
}

const tensorOf = (array: NdArray | Tensor): Tensor => (isTensor(array) ? array : toTensor(array));
