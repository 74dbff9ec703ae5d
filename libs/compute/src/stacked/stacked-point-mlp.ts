/** @file One MLP of each of N networks at once, applied to points whose channels come first. */
import type { GradConfig } from '@tensorflow/tfjs';

import { bindShapes } from '../shape-error.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { blockedPointMlp, canBlockPoints } from '../trace/kernels/blocked-point-mlp.ts';
import { listed } from '../trace/kernels/shape.ts';
import { registerTraceKernel, TRACE_BACKEND, traceBackend } from '../trace/trace-backend.ts';

const FORWARD = 'WeightspaceStackedPointMlp';

export interface PointLayer {
  /** Shape `[N, O, C]`. */
  readonly weight: Tensor;
  /** Shape `[N, O]`. */
  readonly bias: Tensor;
}

/**
 * Applies N MLPs, one of each of N stacked networks, to the same number of points each; ReLUs between the layers.
 *
 *     h[n] = w[n] h[n] + b[n],   h[n] = max(0, h[n]) before every layer but the first
 *
 * Compiled for a processor that ONNX Runtime has direct convolutions for, two layers or more of about 16 channels or multiples of
 * that are three quarters of the work of products with biases and ReLUs behind them. The gradient computes hidden layers anew.
 *
 * Letters: N networks, C channels in, O channels out, P points.
 *
 * @param x_ncp channels of all points; shape `[N, C, P]`
 * @param layers the first to the last, at least one
 * @returns shape `[N, O, P]`
 * @throws {ShapeError} when the shapes disagree
 * Symmetry: equivariant to any order of the points.
 * Departs: nothing; `torch.func.vmap` of `nn.Linear`s with `nn.ReLU`s gives the same.
 */
export function stackedPointMlp(x_ncp: Tensor, layers: readonly PointLayer[]): Tensor {
  const [N = 0, C = 0] = x_ncp.shape;
  const sizes = [C, ...layers.map(({ weight }) => weight.shape[1] ?? 0)];
  bindShapes('stackedPointMlp', [
    ['x', x_ncp.shape, ['N', 'C', 'P']],
    ...layers.flatMap(
      ({ weight, bias }, i) =>
        [
          [`layers[${i}].weight`, weight.shape, [N, sizes[i + 1]!, sizes[i]!]],
          [`layers[${i}].bias`, bias.shape, [N, sizes[i + 1]!]],
        ] as const,
    ),
  ]);
  const builder = tf.getBackend() === TRACE_BACKEND ? traceBackend.builder : undefined;
  if (!builder || x_ncp.size === 0 || !canBlockPoints(builder, sizes)) return hiddenAndLast(x_ncp, layers).last;
  register();
  const inputs = [x_ncp, ...layers.flatMap(({ weight, bias }) => [weight, bias])];
  // Kernels take lists too, as `concat` does; the types know records only.
  return tf.engine().runKernel(FORWARD, inputs as never, {}) as Tensor;
}

/** The same by products. @returns the input of each layer, and what the last one gives */
function hiddenAndLast(x: Tensor, layers: readonly PointLayer[]): { hidden: Tensor[]; last: Tensor } {
  const hidden: Tensor[] = [];
  const last = layers.reduce((before, { weight, bias }, i) => {
    const h: Tensor = i === 0 ? before : tf.relu(before);
    hidden.push(h);
    return tf.add(tf.matMul(weight, h), tf.expandDims(bias, 2));
  }, x);
  return { hidden, last };
}

let registered = false;

function register(): void {
  if (registered) return;
  registered = true;
  registerTraceKernel(FORWARD, (b, inputs) => {
    const [x, ...rest] = listed(inputs as never);
    return blockedPointMlp(b, x!, inPairs(rest));
  });
  tf.registerGradient({ kernelName: FORWARD, saveAllInputs: true, gradFunc });
}

/** Weights and biases in turn. */
const inPairs = <T>(list: readonly T[]): { readonly weight: T; readonly bias: T }[] =>
  list.flatMap((weight, i) => (i % 2 === 0 ? [{ weight, bias: list[i + 1]! }] : []));

/** @returns gradients, named by the places of the inputs */
const gradFunc: GradConfig['gradFunc'] = (dy, saved) => {
  const [x, ...rest] = saved as [Tensor, ...Tensor[]];
  const layers = inPairs(rest);
  const { hidden } = hiddenAndLast(x, layers);
  const own: (() => Tensor)[] = [];
  let behind = dy as Tensor;
  for (let i = layers.length - 1; i >= 0; i--) {
    const [d, h] = [behind, hidden[i]!];
    own.unshift(
      () => tf.matMul(d, h, false, true),
      () => tf.sum(d, 2),
    );
    const before: Tensor = tf.matMul(layers[i]!.weight, d, true, false);
    behind = i === 0 ? before : tf.mul(before, tf.cast(tf.step(h), 'float32'));
  }
  return Object.fromEntries([() => behind, ...own].map((gradient, i) => [i, gradient]));
};
