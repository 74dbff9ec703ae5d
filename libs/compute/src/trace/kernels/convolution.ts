/** @file Convolutions and poolings. tfjs keeps channels last; ONNX wants them second. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { tf } from '../../tf.ts';
import { TraceError } from '../trace-backend.ts';
import type { Attrs, TraceKernel } from '../trace-backend.ts';

type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
type Shape4 = [number, number, number, number];

/** `[N, H, W, C]` → `[N, C, H, W]` and back. */
export const toChannelsFirst = (b: Builder, x: Value): Value => b.transpose(x, [0, 3, 1, 2]);
export const toChannelsLast = (b: Builder, x: Value): Value => b.transpose(x, [0, 2, 3, 1]);

const padsOf = ({ padInfo }: ConvInfo): number[] => [padInfo.top, padInfo.left, padInfo.bottom, padInfo.right];
const kernelOf = (info: ConvInfo): number[] => [info.filterHeight, info.filterWidth];
const stridesOf = (info: ConvInfo): number[] => [info.strideHeight, info.strideWidth];
const dilationsOf = (info: ConvInfo): number[] => [info.dilationHeight, info.dilationWidth];

export interface ConvGeometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly groups: number;
}

const outputSize = (size: number, g: ConvGeometry, axis: number): number =>
  Math.floor(
    (size + g.pads[axis]! + g.pads[axis + 2]! - g.dilations[axis]! * (g.kernel[axis]! - 1) - 1) / g.strides[axis]!,
  ) + 1;

/** @param x `[N, I, H, W]` @param w `[O, I/groups, KH, KW]` @returns `[N, O, H', W']` */
export function conv(b: Builder, x: Value, w: Value, g: ConvGeometry): Value {
  const shape = [x.shape[0]!, w.shape[0]!, outputSize(x.shape[2]!, g, 0), outputSize(x.shape[3]!, g, 1)];
  return b.graph.add('Conv', [x, w], { shape, type: 'float32' }, attributesOf(g));
}

const attributesOf = (g: ConvGeometry) => ({
  kernel_shape: g.kernel,
  strides: g.strides,
  pads: g.pads,
  dilations: g.dilations,
  group: g.groups,
});

/** Gradient of `conv` for its input: a transposed convolution, with what the strides left over padded at the end. */
export function convInputGradient(
  b: Builder,
  dy: Value,
  w: Value,
  inputShape: readonly number[],
  g: ConvGeometry,
): Value {
  const leftover = [0, 1].map((axis) => {
    const covered = (dy.shape[axis + 2]! - 1) * g.strides[axis]! + g.dilations[axis]! * (g.kernel[axis]! - 1) + 1;
    return inputShape[axis + 2]! - (covered - g.pads[axis]! - g.pads[axis + 2]!);
  });
  const attributes = { ...attributesOf(g), output_padding: leftover };
  return b.graph.add('ConvTranspose', [dy, w], { shape: inputShape, type: 'float32' }, attributes);
}

/**
 * Gradient of `conv` for its filter: the input convolved with the output's gradient as kernel,
 * batch and channels in each other's place.
 *
 * @returns `[O, I/groups, KH, KW]`
 */
export function convFilterGradient(b: Builder, x: Value, dy: Value, g: ConvGeometry): Value {
  const [batch, channels, height, width] = x.shape as Shape4;
  const [, outputs, dyHeight, dyWidth] = dy.shape as Shape4;
  const each = channels / g.groups;
  const grouped = b.reshape(x, [batch, g.groups, each, height, width]);
  const images = b.reshape(b.transpose(grouped, [2, 1, 0, 3, 4]), [each, g.groups * batch, height, width]);
  const kernels = b.transpose(dy, [1, 0, 2, 3]);
  const geometry = {
    kernel: [dyHeight, dyWidth],
    strides: g.dilations,
    dilations: g.strides,
    pads: g.pads,
    groups: g.groups,
  };
  const full = conv(b, images, kernels, geometry);
  // Strides that don't divide leave rows over that no filter position reaches.
  const cut = b.slice(full, [0, 0, 0, 0], [each, outputs, g.kernel[0]!, g.kernel[1]!]);
  return b.transpose(cut, [1, 0, 2, 3]);
}

function channelsLastInfo(
  attrs: Attrs,
  input: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): ConvInfo {
  const format: string = attrs['dataFormat'] ?? 'NHWC';
  if (format !== 'NHWC')
    throw new TraceError(`compile: conv2d must have dataFormat NHWC, got ${format}; transpose the input`);
  return tf.backend_util.computeConv2DInfo(
    [...input] as Shape4,
    [...filter] as Shape4,
    attrs['strides']!,
    (attrs['dilations'] as [number, number] | undefined) ?? 1,
    attrs['pad']!,
    attrs['dimRoundingMode'],
    depthwise,
  );
}

const geometryOf = (info: ConvInfo, groups: number): ConvGeometry => ({
  kernel: kernelOf(info),
  strides: stridesOf(info),
  pads: padsOf(info),
  dilations: dilationsOf(info),
  groups,
});

/** `[KH, KW, I, O]` ↔ `[O, I, KH, KW]`. */
const filterToOnnx = (b: Builder, w: Value): Value => b.transpose(w, [3, 2, 0, 1]);
const filterFromOnnx = (b: Builder, w: Value): Value => b.transpose(w, [2, 3, 1, 0]);
/** `[KH, KW, I, M]` → `[I·M, 1, KH, KW]` and back. */
const depthwiseToOnnx = (b: Builder, w: Value): Value => {
  const [kh, kw, i, m] = w.shape as Shape4;
  return b.reshape(b.transpose(w, [2, 3, 0, 1]), [i * m, 1, kh, kw]);
};
const depthwiseFromOnnx = (b: Builder, w: Value, [kh, kw, i, m]: Shape4): Value =>
  b.transpose(b.reshape(w, [i, m, kh, kw]), [2, 3, 0, 1]);

function poolInfo(attrs: Attrs, input: readonly number[]): ConvInfo {
  return tf.backend_util.computePool2DInfo(
    [...input] as Shape4,
    attrs['filterSize']!,
    attrs['strides']!,
    1,
    attrs['pad']!,
    attrs['dimRoundingMode'],
  );
}

const poolAttributes = (info: ConvInfo) => ({
  kernel_shape: kernelOf(info),
  strides: stridesOf(info),
  pads: padsOf(info),
});
const poolShape = (info: ConvInfo): number[] => [info.batchSize, info.inChannels, info.outHeight, info.outWidth];

/** Sends each output's gradient to the position of its largest input; overlapping windows add up. */
function maxPoolGrad(b: Builder, dy: Value, x: Value, info: ConvInfo): Value {
  const images = toChannelsFirst(b, x);
  const shape = poolShape(info);
  const [, indices] = b.graph.addMany(
    'MaxPool',
    [images],
    [
      { shape, type: 'float32' },
      { shape, type: 'int64' },
    ],
    poolAttributes(info),
  );
  const size = x.shape.reduce((p, q) => p * q, 1);
  const outputs = shape.reduce((p, q) => p * q, 1);
  const flat = b.graph.add(
    'ScatterElements',
    [b.expandInFull(b.scalar(0), [size]), b.reshape(indices!, [outputs]), b.reshape(toChannelsFirst(b, dy), [outputs])],
    { shape: [size], type: 'float32' },
    { axis: 0, reduction: 'add' },
  );
  return toChannelsLast(b, b.reshape(flat, images.shape));
}

/** How many inputs each window really covers: padding doesn't count. */
function windowCounts(info: ConvInfo): Float32Array {
  const covered = (at: number, stride: number, kernel: number, before: number, size: number) =>
    Math.min(at * stride - before + kernel, size) - Math.max(at * stride - before, 0);
  return Float32Array.from({ length: info.outHeight * info.outWidth }, (_, i) => {
    const [row, column] = [Math.floor(i / info.outWidth), i % info.outWidth];
    return (
      covered(row, info.strideHeight, info.filterHeight, info.padInfo.top, info.inHeight) *
      covered(column, info.strideWidth, info.filterWidth, info.padInfo.left, info.inWidth)
    );
  });
}

function avgPoolGrad(b: Builder, dy: Value, inputShape: readonly number[], info: ConvInfo): Value {
  const counts = b.graph.constant({
    dtype: 'float32',
    shape: [1, 1, info.outHeight, info.outWidth],
    data: windowCounts(info),
  });
  const share = b.div(toChannelsFirst(b, dy), counts);
  const [batch, height, width, channels] = inputShape as Shape4;
  const ones = b.expandInFull(b.scalar(1), [channels, 1, info.filterHeight, info.filterWidth]);
  const geometry = geometryOf(info, channels);
  return toChannelsLast(b, convInputGradient(b, share, ones, [batch, channels, height, width], geometry));
}

export const convolutions: { readonly [kernelName: string]: TraceKernel } = {
  Conv2D: (b, { x, filter }, attrs) => {
    const info = channelsLastInfo(attrs, x!.shape, filter!.shape, false);
    const groups = x!.shape[3]! / filter!.shape[2]!;
    return toChannelsLast(b, conv(b, toChannelsFirst(b, x!), filterToOnnx(b, filter!), geometryOf(info, groups)));
  },
  Conv2DBackpropInput: (b, { dy, filter }, attrs) => {
    const shape: number[] = attrs['inputShape']!;
    const info = channelsLastInfo(attrs, shape, filter!.shape, false);
    const [batch, height, width, channels] = shape as Shape4;
    const dx = convInputGradient(
      b,
      toChannelsFirst(b, dy!),
      filterToOnnx(b, filter!),
      [batch, channels, height, width],
      geometryOf(info, 1),
    );
    return toChannelsLast(b, dx);
  },
  Conv2DBackpropFilter: (b, { x, dy }, attrs) => {
    const info = channelsLastInfo(attrs, x!.shape, attrs['filterShape']!, false);
    return filterFromOnnx(
      b,
      convFilterGradient(b, toChannelsFirst(b, x!), toChannelsFirst(b, dy!), geometryOf(info, 1)),
    );
  },
  DepthwiseConv2dNative: (b, { x, filter }, attrs) => {
    const info = channelsLastInfo(attrs, x!.shape, filter!.shape, true);
    return toChannelsLast(
      b,
      conv(b, toChannelsFirst(b, x!), depthwiseToOnnx(b, filter!), geometryOf(info, x!.shape[3]!)),
    );
  },
  DepthwiseConv2dNativeBackpropInput: (b, { dy, filter }, attrs) => {
    const shape: number[] = attrs['inputShape']!;
    const info = channelsLastInfo(attrs, shape, filter!.shape, true);
    const [batch, height, width, channels] = shape as Shape4;
    const target = [batch, channels, height, width];
    return toChannelsLast(
      b,
      convInputGradient(b, toChannelsFirst(b, dy!), depthwiseToOnnx(b, filter!), target, geometryOf(info, channels)),
    );
  },
  DepthwiseConv2dNativeBackpropFilter: (b, { x, dy }, attrs) => {
    const filterShape: Shape4 = attrs['filterShape']!;
    const info = channelsLastInfo(attrs, x!.shape, filterShape, true);
    const dw = convFilterGradient(b, toChannelsFirst(b, x!), toChannelsFirst(b, dy!), geometryOf(info, x!.shape[3]!));
    return depthwiseFromOnnx(b, dw, filterShape);
  },
  AvgPool: (b, { x }, attrs) => {
    const info = poolInfo(attrs, x!.shape);
    const attributes = { ...poolAttributes(info), count_include_pad: 0 };
    return toChannelsLast(
      b,
      b.graph.add('AveragePool', [toChannelsFirst(b, x!)], { shape: poolShape(info), type: 'float32' }, attributes),
    );
  },
  AvgPoolGrad: (b, { dy, input }, attrs) => avgPoolGrad(b, dy!, input!.shape, poolInfo(attrs, input!.shape)),
  MaxPool: (b, { x }, attrs) => {
    const info = poolInfo(attrs, x!.shape);
    return toChannelsLast(
      b,
      b.graph.add(
        'MaxPool',
        [toChannelsFirst(b, x!)],
        { shape: poolShape(info), type: 'float32' },
        poolAttributes(info),
      ),
    );
  },
  MaxPoolGrad: (b, { dy, input }, attrs) => maxPoolGrad(b, dy!, input!, poolInfo(attrs, input!.shape)),
};
