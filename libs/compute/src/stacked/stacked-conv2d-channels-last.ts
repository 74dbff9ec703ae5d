/** @file One convolution of each of N networks at once, channels last: as layers have their values. */
import type { GradConfig, NamedAttrMap } from '@tensorflow/tfjs';

import { bindShapes } from '../shape-error.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import {
  blockedBiasGradient,
  blockedFilterGradient,
  blockedForward,
  blockedInputGradient,
  canBlock,
} from '../trace/kernels/blocked-conv.ts';
import type { ConvGeometry } from '../trace/kernels/nd-conv.ts';
import { registerTraceKernel, TRACE_BACKEND, traceBackend } from '../trace/trace-backend.ts';
import { stackedConv2d } from './stacked-conv2d.ts';
import type { StackedConv2dOptions } from './stacked-conv2d.ts';

const FORWARD = 'WeightspaceStackedConv2d';
const INPUT_GRADIENT = 'WeightspaceStackedConv2dInputGradient';
const FILTER_GRADIENT = 'WeightspaceStackedConv2dFilterGradient';
const BIAS_GRADIENT = 'WeightspaceStackedConv2dBiasGradient';

type Shape5 = [number, number, number, number, number];

/**
 * Applies N convolutions, one of each of N stacked networks; channels last.
 *
 * Compiled for a processor that ONNX Runtime has direct convolutions for, it is 2 to 4 times as fast as `stackedConv2d`, as
 * are its gradients, most of all where C and O are multiples of 16. Where they are far from that, and everywhere else, it
 * does the same as `stackedConv2d`. Stacks of 4 to 8 networks stay in the caches.
 *
 * Letters: N networks, P images of each, C channels in, O channels out, H×W pixels, K×L kernel.
 *
 * @param x images; shape `[N, P, H, W, C]`, or `[P, H, W, C]` when all networks see the same
 * @param w_nockl kernels; shape `[N, O, C, K, L]`
 * @param b_no biases; shape `[N, O]`; none when absent
 * @returns shape `[N, P, H', W', O]`
 * @throws {ShapeError} when the shapes disagree
 * Source: ONNX `Conv`. Departs: nothing. Runs compiled and on the `cpu` backend.
 */
export function stackedConv2dChannelsLast(
  x: Tensor,
  w_nockl: Tensor,
  b_no?: Tensor,
  options: StackedConv2dOptions = {},
): Tensor {
  const [N = 0, O = 0, , K = 0, L = 0] = w_nockl.shape;
  bindShapes('stackedConv2dChannelsLast', [
    ['w', w_nockl.shape, ['N', 'O', 'C', 'K', 'L']],
    ['x', x.shape, [...(x.rank === 4 ? [] : ['N']), 'P', 'H', 'W', 'C']],
    ...(b_no ? ([['b', b_no.shape, [N, O]]] as const) : []),
  ]);
  const builder = tf.getBackend() === TRACE_BACKEND ? traceBackend.builder : undefined;
  if (!builder || !canBlock(builder, w_nockl.shape)) return throughChannelsFirst(x, w_nockl, b_no, options);
  const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1] } = options;
  const geometry = { kernel: [K, L], strides: [...strides], pads: [...pads], dilations: [...dilations], groups: N };
  register();
  const inputs = { x, w: w_nockl, ...(b_no ? { bias: b_no } : {}) };
  return tf.engine().runKernel(FORWARD, inputs, geometry) as Tensor;
}

/** By way of `[P, N·C, H, W]`; what all networks share comes once for each of them. */
function throughChannelsFirst(
  x: Tensor,
  w_nockl: Tensor,
  b_no: Tensor | undefined,
  options: StackedConv2dOptions,
): Tensor {
  return tf.tidy(() => {
    const [N, O] = w_nockl.shape as Shape5;
    // Flat: tfjs 4.22 has no gradient of a tile of more than 4 axes.
    const own = x.rank === 5 ? x : tf.reshape(tf.tile(tf.reshape(x, [1, x.size]), [N, 1]), [N, ...x.shape]);
    const [, P, H, W, C] = own.shape as Shape5;
    const images = tf.reshape(tf.transpose(own, [1, 0, 4, 2, 3]), [P, N * C, H, W]);
    const y = stackedConv2d(images, w_nockl, b_no, options);
    const [height, width] = y.shape.slice(2) as [number, number];
    return tf.transpose(tf.reshape(y, [P, N, O, height, width]), [1, 0, 3, 4, 2]);
  });
}

let registered = false;

function register(): void {
  if (registered) return;
  registered = true;
  registerTraceKernel(FORWARD, (b, { x, w, bias }, attrs) => blockedForward(b, x!, w!, bias, geometryOf(attrs)));
  registerTraceKernel(INPUT_GRADIENT, (b, { dy, w }, attrs) =>
    blockedInputGradient(b, dy!, w!, attrs['inputShape']!, geometryOf(attrs)),
  );
  registerTraceKernel(FILTER_GRADIENT, (b, { x, dy }, attrs) =>
    blockedFilterGradient(b, x!, dy!, attrs['filterShape']!, geometryOf(attrs)),
  );
  registerTraceKernel(BIAS_GRADIENT, (b, { x, dy }, attrs) =>
    blockedBiasGradient(b, x!, dy!, attrs['filterShape']!, geometryOf(attrs)),
  );
  tf.registerGradient({ kernelName: FORWARD, inputsToSave: ['x', 'w'], gradFunc });
}

const geometryOf = (attrs: object): ConvGeometry => attrs as ConvGeometry;

const gradFunc: GradConfig['gradFunc'] = (dy, saved, attrs) => {
  const [x, w] = saved as [Tensor, Tensor];
  const run = (name: string, inputs: Record<string, Tensor>, more: NamedAttrMap) =>
    tf.engine().runKernel(name, inputs, { ...(attrs as NamedAttrMap), ...more }) as Tensor;
  return {
    x: () => run(INPUT_GRADIENT, { dy: dy as Tensor, w }, { inputShape: [...x.shape] }),
    w: () => run(FILTER_GRADIENT, { x, dy: dy as Tensor }, { filterShape: [...w.shape] }),
    bias: () => run(BIAS_GRADIENT, { x, dy: dy as Tensor }, { filterShape: [...w.shape] }),
  };
};
