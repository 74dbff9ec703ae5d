/** @file Poolings over two and three axes. */
import { sizeOf } from '../../nd-array.ts';
import { tf } from '../../tf.ts';
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import type { Attrs, TraceKernel } from '../trace-backend.ts';
import { blockedAveragePoolGradient, blockedMaxPoolGradient, blockedPool } from './blocked-pool.ts';
import { geometry3d, geometryOf } from './convolution.ts';
import { convInputGradient, toChannelsFirst, toChannelsLast } from './nd-conv.ts';
import type { ConvGeometry } from './nd-conv.ts';

/** Windows over an input `[N, …space, C]`. */
interface Windows {
  readonly geometry: ConvGeometry;
  /** `[N, C, …space]` of the input and of the output. */
  readonly from: readonly number[];
  readonly to: readonly number[];
}

function windows2d(attrs: Attrs, input: readonly number[]): Windows {
  const info = tf.backend_util.computePool2DInfo(
    [...input] as [number, number, number, number],
    attrs['filterSize']!,
    attrs['strides']!,
    1,
    attrs['pad']!,
    attrs['dimRoundingMode'],
  );
  const { batchSize, inChannels, inHeight, inWidth, outHeight, outWidth } = info;
  return {
    geometry: geometryOf(info, inChannels),
    from: [batchSize, inChannels, inHeight, inWidth],
    to: [batchSize, inChannels, outHeight, outWidth],
  };
}

function windows3d(attrs: Attrs, input: readonly number[]): Windows {
  const info = tf.backend_util.computePool3DInfo(
    [...input] as [number, number, number, number, number],
    attrs['filterSize']!,
    attrs['strides']!,
    1,
    attrs['pad']!,
    attrs['dimRoundingMode'],
  );
  const { batchSize, inChannels, inDepth, inHeight, inWidth, outDepth, outHeight, outWidth } = info;
  return {
    geometry: geometry3d(info, inChannels),
    from: [batchSize, inChannels, inDepth, inHeight, inWidth],
    to: [batchSize, inChannels, outDepth, outHeight, outWidth],
  };
}

const attributesOf = ({ geometry: { kernel, strides, pads } }: Windows) => ({ kernel_shape: kernel, strides, pads });

function pool(b: Builder, op: string, x: Value, windows: Windows, more = {}): Value {
  const attributes = { ...attributesOf(windows), ...more };
  return toChannelsLast(
    b,
    b.graph.add(op, [toChannelsFirst(b, x)], { shape: windows.to, type: 'float32' }, attributes),
  );
}

function pool2d(b: Builder, op: 'MaxPool' | 'AveragePool', x: Value, windows: Windows, more = {}): Value {
  const [, , height, width] = windows.to as [number, number, number, number];
  return blockedPool(b, op, x, windows.geometry, [height, width]) ?? pool(b, op, x, windows, more);
}

/** Sends each output's gradient to the position of its largest input; overlapping windows add up. */
function maxPoolGrad(b: Builder, dy: Value, x: Value, windows: Windows): Value {
  const images = toChannelsFirst(b, x);
  const outputs = [
    { shape: windows.to, type: 'float32' as const },
    { shape: windows.to, type: 'int64' as const },
  ];
  const [, indices] = b.graph.addMany('MaxPool', [images], outputs, attributesOf(windows));
  const [size, count] = [sizeOf(x.shape), sizeOf(windows.to)];
  const into = b.expandInFull(b.scalar(0), [size]);
  const flat = b.graph.add(
    'ScatterElements',
    [into, b.reshape(indices!, [count]), b.reshape(toChannelsFirst(b, dy), [count])],
    { shape: [size], type: 'float32' },
    { axis: 0, reduction: 'add' },
  );
  return toChannelsLast(b, b.reshape(flat, images.shape));
}

/** How many inputs each window really covers, per axis: padding doesn't count. */
function coverage({ geometry: g, from, to }: Windows, axis: number): number[] {
  return Array.from({ length: to[axis + 2]! }, (_, at) => {
    const start = at * g.strides[axis]! - g.pads[axis]!;
    return Math.min(start + g.kernel[axis]!, from[axis + 2]!) - Math.max(start, 0);
  });
}

function avgPoolGrad(b: Builder, dy: Value, windows: Windows): Value {
  const { geometry, from, to } = windows;
  const counts = geometry.kernel
    .map((_, axis) => coverage(windows, axis))
    .reduce((all, next) => all.flatMap((p) => next.map((q) => p * q)), [1]);
  const shape = [1, 1, ...to.slice(2)];
  const divisor = b.graph.constant({ dtype: 'float32', shape, data: Float32Array.from(counts) });
  const share = b.div(toChannelsFirst(b, dy), divisor);
  const ones = b.expandInFull(b.scalar(1), [geometry.groups, 1, ...geometry.kernel]);
  return toChannelsLast(b, convInputGradient(b, share, ones, from, geometry));
}

const withoutPadding = { count_include_pad: 0 };

export const poolings: { readonly [kernelName: string]: TraceKernel } = {
  AvgPool: (b, { x }, attrs) => pool2d(b, 'AveragePool', x!, windows2d(attrs, x!.shape), withoutPadding),
  AvgPool3D: (b, { x }, attrs) => pool(b, 'AveragePool', x!, windows3d(attrs, x!.shape), withoutPadding),
  AvgPool3DGrad: (b, { dy, input }, attrs) => avgPoolGrad(b, dy!, windows3d(attrs, input!.shape)),
  AvgPoolGrad: (b, { dy, input }, attrs) => {
    const windows = windows2d(attrs, input!.shape);
    return blockedAveragePoolGradient(b, dy!, input!, windows.geometry) ?? avgPoolGrad(b, dy!, windows);
  },
  MaxPool: (b, { x }, attrs) => pool2d(b, 'MaxPool', x!, windows2d(attrs, x!.shape)),
  MaxPool3D: (b, { x }, attrs) => pool(b, 'MaxPool', x!, windows3d(attrs, x!.shape)),
  MaxPool3DGrad: (b, { dy, input }, attrs) => maxPoolGrad(b, dy!, input!, windows3d(attrs, input!.shape)),
  MaxPoolGrad: (b, { dy, input, output }, attrs) => {
    const windows = windows2d(attrs, input!.shape);
    return blockedMaxPoolGradient(b, dy!, input!, output!, windows.geometry) ?? maxPoolGrad(b, dy!, input!, windows);
  },
};
