/** @file Windows that move over positions: what convolutions and poolings share. */
import type { Tensor } from '@weightspace/compute';
import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import type { LayerInput } from './layer-kind.ts';

/** One number for each position axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Before and after alike. */
  readonly padding: readonly number[];
  readonly dilations: readonly number[];
}

/**
 * Positions of the output.
 *
 * @throws {ArchitectureError} unless the input has as many position axes as the window, each at least as long
 */
export function windowPositions({ positions }: LayerInput, window: Window, place: string): readonly number[] {
  const { kernel, strides, padding, dilations } = window;
  if (positions.length !== kernel.length) {
    const expected = `a value with ${kernel.length} position ${kernel.length === 1 ? 'axis' : 'axes'}`;
    throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, expected, positions);
  }
  return positions.map((size, axis) => {
    const reach = dilations[axis]! * (kernel[axis]! - 1) + 1;
    const padded = size + 2 * padding[axis]!;
    if (padded < reach) {
      const expected = `a value of at least ${reach} positions on axis ${axis}, padding included`;
      throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, expected, padded);
    }
    return Math.floor((padded - reach) / strides[axis]!) + 1;
  });
}

/** Adds positions at both ends of axes; `first` is the first position axis. */
export function padPositions(x: Tensor, padding: readonly number[], first: number, value = 0): Tensor {
  if (padding.every((n) => n === 0)) return x;
  const pads = x.shape.map((_, axis): [number, number] => {
    const n = padding[axis - first] ?? 0;
    return axis < first ? [0, 0] : [n, n];
  });
  return tf.pad(x, pads, value);
}
