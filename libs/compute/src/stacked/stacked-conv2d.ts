/** @file One convolution of each of N networks at once, as a grouped convolution. */
import type { GradConfig, KernelConfig, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs';

import { sizeOf } from '../nd-array.ts';
import { bindShapes } from '../shape-error.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { conv, convFilterGradient, convInputGradient } from '../trace/kernels/nd-conv.ts';
import type { ConvGeometry } from '../trace/kernels/nd-conv.ts';
import { registerTraceKernel } from '../trace/trace-backend.ts';
import { groupedConvLoops } from './grouped-conv-loops.ts';

const FORWARD = 'WeightspaceGroupedConv2d';
const INPUT_GRADIENT = 'WeightspaceGroupedConv2dInputGradient';
const FILTER_GRADIENT = 'WeightspaceGroupedConv2dFilterGradient';

export interface StackedConv2dOptions {
  readonly strides?: readonly [number, number];
  /** Rows and columns of zeros: top, left, bottom, right. */
  readonly pads?: readonly [number, number, number, number];
  readonly dilations?: readonly [number, number];
}

/**
 * Applies N convolutions, one of each of N stacked networks; channels first, as ONNX and PyTorch have them.
 *
 * Letters: N networks, B images, C channels in, O channels out, H×W pixels, K×L kernel.
 *
 * @param x images; shape `[B, N·C, H, W]`: the channels of one network lie together
 * @param w_nockl kernels; shape `[N, O, C, K, L]`
 * @param b_no biases; shape `[N, O]`; none when absent
 * @returns shape `[B, N·O, H', W']`
 * @throws {ShapeError} when the shapes disagree
 * Source: ONNX `Conv` with `group` = N. Departs: nothing. Runs compiled and on the `cpu` backend.
 */
export function stackedConv2d(x: Tensor, w_nockl: Tensor, b_no?: Tensor, options: StackedConv2dOptions = {}): Tensor {
  const [N = 0, O = 0, C = 0, K = 0, L = 0] = w_nockl.shape;
  bindShapes('stackedConv2d', [
    ['w', w_nockl.shape, ['N', 'O', 'C', 'K', 'L']],
    ['x', x.shape, ['B', N * C, 'H', 'W']],
    ...(b_no ? ([['b', b_no.shape, [N, O]]] as const) : []),
  ]);
  const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1] } = options;
  const geometry = { kernel: [K, L], strides: [...strides], pads: [...pads], dilations: [...dilations], groups: N };
  register();
  return tf.tidy(() => {
    const w = tf.reshape(w_nockl, [N * O, C, K, L]);
    const y = tf.engine().runKernel(FORWARD, { x, w }, geometry) as Tensor;
    return b_no ? tf.add(y, tf.reshape(b_no, [1, N * O, 1, 1])) : y;
  });
}

let registered = false;

function register(): void {
  if (registered) return;
  registered = true;
  registerTraceKernel(FORWARD, (b, { x, w }, attrs) => conv(b, x!, w!, geometryOf(attrs)));
  registerTraceKernel(INPUT_GRADIENT, (b, { dy, w }, attrs) =>
    convInputGradient(b, dy!, w!, attrs['inputShape']!, geometryOf(attrs)),
  );
  registerTraceKernel(FILTER_GRADIENT, (b, { x, dy }, attrs) => convFilterGradient(b, x!, dy!, geometryOf(attrs)));
  for (const kernelName of [FORWARD, INPUT_GRADIENT, FILTER_GRADIENT]) {
    tf.registerKernel({ kernelName, backendName: 'cpu', kernelFunc: cpuKernel(kernelName) });
  }
  tf.registerGradient({ kernelName: FORWARD, inputsToSave: ['x', 'w'], gradFunc });
}

const geometryOf = (attrs: object): ConvGeometry => attrs as ConvGeometry;

const gradFunc: GradConfig['gradFunc'] = (dy, saved, attrs) => {
  const [x, w] = saved as [Tensor, Tensor];
  const run = (name: string, inputs: Record<string, Tensor>, more: NamedAttrMap) =>
    tf.engine().runKernel(name, inputs, { ...(attrs as NamedAttrMap), ...more }) as Tensor;
  return {
    x: () => run(INPUT_GRADIENT, { dy: dy as Tensor, w }, { inputShape: [...x.shape] }),
    w: () => run(FILTER_GRADIENT, { x, dy: dy as Tensor }, {}),
  };
};

interface CpuBackend {
  readonly data: { get(id: object): { readonly values: Float32Array } };
  makeTensorInfo(shape: number[], dtype: 'float32', values: Float32Array): TensorInfo;
}

/** The slow loops of the eager backend: the oracle of the compiled kernels. */
function cpuKernel(kernelName: string): KernelConfig['kernelFunc'] {
  return ({ inputs, backend, attrs }) => {
    const cpu = backend as unknown as CpuBackend;
    const given = inputs as Record<string, TensorInfo | undefined>;
    const geometry = geometryOf(attrs!);
    const read = (name: string) => {
      const info = given[name];
      return info ? { shape: info.shape, data: cpu.data.get(info.dataId).values } : undefined;
    };
    const target = kernelName === FORWARD ? 'y' : kernelName === INPUT_GRADIENT ? 'x' : 'w';
    const { shape, data } = groupedConvLoops(
      target,
      { x: read('x'), w: read('w'), y: read('dy') },
      geometry,
      attrs!['inputShape'] as number[] | undefined,
    );
    if (data.length !== sizeOf(shape))
      throw new Error(`internal: ${kernelName} made ${data.length} values for [${shape.join()}]`);
    return cpu.makeTensorInfo([...shape], 'float32', data);
  };
}
