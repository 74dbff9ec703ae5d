/** @file Checks of gradients for tests. They throw or return, so any runner can use them. */
import { toTensor } from '../nd-array.ts';
import type { NdArray } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { isTensor } from '../tree.ts';
import { valuesOf } from './assert-close.ts';

type Inputs<K extends string = string> = { readonly [name in K]: NdArray | Tensor };
type Outputs = Tensor | readonly Tensor[] | { readonly [name: string]: Tensor };

/**
 * Names of the inputs that no output depends on: all of their gradient is 0, at this point.
 *
 * @param f from tensors of these names to a tensor, or a list or record of tensors
 * @throws when a gradient isn't finite
 */
export function deadInputs<K extends string>(f: (inputs: Record<K, Tensor>) => Outputs, inputs: Inputs<K>): K[] {
  const names = Object.keys(inputs) as K[];
  return tf.tidy(() => {
    const slopes = slopesOf(
      (...xs) => f(named(names, xs)),
      names.map((name) => tensorOf(inputs[name])),
    );
    return names.filter((name, i) => {
      const values = Array.from(slopes[i]!.dataSync());
      const bad = values.findIndex((v) => !Number.isFinite(v));
      if (bad >= 0)
        throw new Error(`deadInputs: gradient of '${name}' must be finite, got ${values[bad]} at element ${bad}`);
      return values.every((v) => v === 0);
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
 * @returns the largest |analytic − difference|, as a share of the largest slope
 * @throws when the slope is 0 everywhere (then any gradient that is 0 would pass), or isn't finite
 */
export function gradientError(f: (x: Tensor) => Outputs, x: NdArray | Tensor, epsilon?: number): number;
export function gradientError<K extends string>(
  f: (x: Record<K, Tensor>) => Outputs,
  x: Inputs<K>,
  epsilon?: number,
): number;
export function gradientError(f: (x: never) => Outputs, x: NdArray | Tensor | Inputs, epsilon = 1e-2): number {
  return tf.tidy(() => {
    const single = isTensor(x) || ArrayBuffer.isView((x as NdArray).data);
    const names = single ? [] : Object.keys(x);
    const points = single ? [tensorOf(x as NdArray)] : names.map((name) => tensorOf((x as Inputs)[name]!));
    const g = (...xs: Tensor[]) => f((single ? xs[0] : named(names, xs)) as never);
    const slopes = slopesOf(g, points);
    let [worst, largest] = [0, 0];
    points.forEach((_, i) => {
      const analytic = slopes[i]!.dataSync();
      for (let element = 0; element < analytic.length; element++) {
        const at = (distance: number) => valueAt(g, points, i, element, distance);
        const difference = (at(epsilon) - at(-epsilon)) / (2 * epsilon);
        const error = Math.abs(difference - analytic[element]!);
        if (!Number.isFinite(error)) {
          const where = single ? 'x' : `'${names[i]}'`;
          throw new Error(
            `gradientError: slope must be finite, got ${analytic[element]} (difference ${difference}) at element ${element} of ${where}`,
          );
        }
        worst = Math.max(worst, error);
        largest = Math.max(largest, Math.abs(difference), Math.abs(analytic[element]!));
      }
    });
    if (largest === 0)
      throw new Error('gradientError: vacuous: the slope is 0 everywhere, so a gradient of 0 would pass');
    return worst / largest;
  });
}

/** Σ sin(f): a plain sum has constant slopes, which can cancel for reasons of symmetry. */
function total(outputs: Outputs): Tensor {
  const list = isTensor(outputs) ? [outputs] : Object.values(outputs);
  return tf.addN(list.map((y) => tf.sum(tf.sin(y)))) as Tensor;
}

/** tf.grads throws, without a name, where the function never touches an input; hence + 0·Σx. */
function slopesOf(f: (...xs: Tensor[]) => Outputs, points: readonly Tensor[]): Tensor[] {
  const loss = (...xs: Tensor[]) => tf.addN([total(f(...xs)), ...xs.map((x) => tf.mul(0, tf.sum(x)))]);
  return tf.grads(loss)([...points]);
}

/** Σ sin(f) with one element moved, summed in double precision. */
function valueAt(
  f: (...xs: Tensor[]) => Outputs,
  points: readonly Tensor[],
  input: number,
  element: number,
  distance: number,
): number {
  return tf.tidy(() => {
    const moved = Float32Array.from(points[input]!.dataSync());
    moved[element]! += distance;
    const outputs = f(...points.map((p, i) => (i === input ? tf.tensor(moved, p.shape) : p)));
    let sum = 0;
    for (const y of isTensor(outputs) ? [outputs] : Object.values(outputs)) {
      for (const value of Array.from(valuesOf(y))) sum += Math.sin(value);
    }
    return sum;
  });
}

const tensorOf = (array: NdArray | Tensor): Tensor => (isTensor(array) ? array : toTensor(array));
const named = <K extends string>(names: readonly K[], xs: readonly Tensor[]) =>
  Object.fromEntries(names.map((name, i) => [name, xs[i]!])) as Record<K, Tensor>;
