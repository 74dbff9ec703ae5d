/**
 * @file Images taken apart into phases: with strides 2, those of the even and those of the odd rows and columns.
 *
 * The gradient of a convolution with strides comes in phases. To lay them between each other takes as long as the
 * convolutions, and isn't needed where what follows only multiplies by a ReLU's gradient and sums over positions.
 */
import type { Builder } from './build.ts';
import type { Node, Value } from './graph.ts';
import { BLOCKED, makerOf, POSITIVE } from './rectified.ts';

export interface Phases {
  /** Row by row; `[P, N, C / block, H / strides[0], W / strides[1], block]` each. */
  readonly parts: readonly Value[];
  readonly strides: readonly [number, number];
}

/** A convolution's settings, as of one whose outputs are some of the phases. */
export interface Window {
  readonly kernel_shape: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** `[P, N, C / block, H, W, block]` of its phases. */
export function interleaved(b: Builder, { parts, strides: [rows, columns] }: Phases): Value {
  const [P, N, blocks, q, r, c] = parts[0]!.shape as [number, number, number, number, number, number];
  const lines = Array.from({ length: rows }, (_, a) => {
    const own = parts.slice(a * columns, (a + 1) * columns);
    const pixels = own.map((part) => b.reshape(part, [P * N * blocks * q * r, 1, c]));
    return b.reshape(b.concat(pixels, 1), [P * N * blocks * q, 1, r * columns * c]);
  });
  return b.reshape(b.concat(lines, 1), [P, N, blocks, q * rows, r * columns, c]);
}

/**
 * For each phase of a convolution's outputs, what it reads and how.
 *
 * @param planes `[P, …, H, W]` @param outputs H' and W', multiples of the strides
 */
export function phaseWindows(
  b: Builder,
  planes: Value,
  window: Window,
  strides: readonly [number, number],
  outputs: readonly [number, number],
): { readonly planes: Value; readonly window: Window }[] {
  const axis = (i: 0 | 1, phase: number) => {
    const [size, stride] = [planes.shape[i + 2]!, window.strides[i]!];
    const first = window.pads[i]! - phase * stride;
    const [cut, before] = [Math.min(0, first), Math.max(0, first)];
    const extent = window.dilations[i]! * (window.kernel_shape[i]! - 1) + 1;
    const reach = (outputs[i] / strides[i] - 1) * stride * strides[i] + extent;
    return { cut, before, after: Math.max(0, reach - before - (size + cut)) };
  };
  return Array.from({ length: strides[0] * strides[1] }, (_, i) => {
    const [row, column] = [axis(0, Math.floor(i / strides[1])), axis(1, i % strides[1])];
    return {
      planes: b.pad(planes, [0, 0, row.cut, column.cut], [0, 0, 0, 0]),
      window: {
        ...window,
        strides: [window.strides[0]! * strides[0], window.strides[1]! * strides[1]],
        pads: [row.before, column.before, row.after, column.after],
      },
    };
  });
}

/**
 * Phases of where a rectified convolution of few channels is positive, from the convolution: it takes no longer than to read
 * its result.
 *
 * @param images `[P, N, C / block, H, W, block]` @returns undefined where these are something else
 */
export function positivePhases(b: Builder, images: Value, strides: readonly [number, number]): Value[] | undefined {
  const [P, N, blocks, H, W, c] = images.shape as [number, number, number, number, number, number];
  const made = images.node?.op === 'HardSigmoid' ? makerOf(images.node.inputs[0]!) : undefined;
  if (!made || !readsFew(made)) return undefined;
  const [x, ...filters] = made.inputs as [Value, ...Value[]];
  const positive = { activation: 'HardSigmoid', activation_params: { floats: POSITIVE } };
  return phaseWindows(b, x, made.attributes as unknown as Window, strides, [H, W]).map(({ planes, window }) => {
    const shape = [P, N * blocks * c, H / strides[0], W / strides[1]];
    const inputs = [planes, ...filters];
    const attributes = { ...made.attributes, ...window, ...positive };
    const part = b.graph.add('Conv', inputs, { shape, type: 'float32' }, attributes, BLOCKED);
    return b.reshape(part, [P, N, blocks, H / strides[0], W / strides[1], c]);
  });
}

/** Whether it is a convolution on planes, of all networks at once. */
const readsFew = ({ op, domain, inputs, attributes, outputs }: Node): boolean =>
  op === 'Conv' &&
  domain === BLOCKED &&
  attributes['activation'] === 'Relu' &&
  inputs[1]!.shape[1]! < 4 &&
  outputs[0]!.shape[1] === inputs[1]!.shape[0];
