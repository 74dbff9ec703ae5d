/** @file Convolutions. tfjs keeps channels last; ONNX wants them second. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { tf } from '../../tf.ts';
import { TraceError } from '../trace-backend.ts';
import type { Attrs, Inputs, TraceKernel } from '../trace-backend.ts';
import { activate } from './activate.ts';
import { conv, convFilterGradient, convInputGradient, toChannelsFirst, toChannelsLast } from './nd-conv.ts';
import type { ConvGeometry } from './nd-conv.ts';

type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
type Conv3DInfo = ReturnType<typeof tf.backend_util.computeConv3DInfo>;
type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

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

export const geometryOf = (info: ConvInfo, groups: number): ConvGeometry => ({
  kernel: [info.filterHeight, info.filterWidth],
  strides: [info.strideHeight, info.strideWidth],
  pads: [info.padInfo.top, info.padInfo.left, info.padInfo.bottom, info.padInfo.right],
  dilations: [info.dilationHeight, info.dilationWidth],
  groups,
});

export const geometry3d = (info: Conv3DInfo, groups: number): ConvGeometry => ({
  kernel: [info.filterDepth, info.filterHeight, info.filterWidth],
  strides: [info.strideDepth, info.strideHeight, info.strideWidth],
  pads: [
    info.padInfo.front,
    info.padInfo.top,
    info.padInfo.left,
    info.padInfo.back,
    info.padInfo.bottom,
    info.padInfo.right,
  ],
  dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
  groups,
});

const conv3dGeometry = (attrs: Attrs, input: readonly number[], filter: readonly number[]): ConvGeometry =>
  geometry3d(
    tf.backend_util.computeConv3DInfo(
      [...input] as Shape5,
      [...filter] as Shape5,
      attrs['strides']!,
      (attrs['dilations'] as [number, number, number] | undefined) ?? 1,
      attrs['pad']!,
    ),
    1,
  );

/** `[…kernel, I, O]` ↔ `[O, I, …kernel]`. */
const filterToOnnx = (b: Builder, w: Value): Value => {
  const rank = w.shape.length;
  return b.transpose(w, [rank - 1, rank - 2, ...w.shape.slice(2).map((_, axis) => axis)]);
};
const filterFromOnnx = (b: Builder, w: Value): Value =>
  b.transpose(w, [...w.shape.slice(2).map((_, axis) => axis + 2), 1, 0]);
/** `[KH, KW, I, M]` → `[I·M, 1, KH, KW]` and back. */
const depthwiseToOnnx = (b: Builder, w: Value): Value => {
  const [kh, kw, i, m] = w.shape as Shape4;
  return b.reshape(b.transpose(w, [2, 3, 0, 1]), [i * m, 1, kh, kw]);
};
const depthwiseFromOnnx = (b: Builder, w: Value, [kh, kw, i, m]: Shape4): Value =>
  b.transpose(b.reshape(w, [i, m, kh, kw]), [2, 3, 0, 1]);
const channelsFirstShape = (shape: readonly number[]): number[] => [shape[0]!, shape.at(-1)!, ...shape.slice(1, -1)];

function conv2d(b: Builder, { x, filter }: Inputs, attrs: Attrs): Value {
  const info = channelsLastInfo(attrs, x!.shape, filter!.shape, false);
  const groups = x!.shape[3]! / filter!.shape[2]!;
  return toChannelsLast(b, conv(b, toChannelsFirst(b, x!), filterToOnnx(b, filter!), geometryOf(info, groups)));
}

function depthwiseConv2d(b: Builder, { x, filter }: Inputs, attrs: Attrs): Value {
  const geometry = geometryOf(channelsLastInfo(attrs, x!.shape, filter!.shape, true), x!.shape[3]!);
  return toChannelsLast(b, conv(b, toChannelsFirst(b, x!), depthwiseToOnnx(b, filter!), geometry));
}

/** With what tf.fused adds behind a convolution. */
const fused =
  (name: string, kernel: (b: Builder, inputs: Inputs, attrs: Attrs) => Value): TraceKernel =>
  (b, inputs, attrs) =>
    activate(b, kernel(b, inputs, attrs), inputs, attrs, name);

export const convolutions: { readonly [kernelName: string]: TraceKernel } = {
  Conv2D: conv2d,
  Conv2DBackpropInput: (b, { dy, filter }, attrs) => {
    const shape: number[] = attrs['inputShape']!;
    const geometry = geometryOf(channelsLastInfo(attrs, shape, filter!.shape, false), 1);
    const [gradient, weight] = [toChannelsFirst(b, dy!), filterToOnnx(b, filter!)];
    return toChannelsLast(b, convInputGradient(b, gradient, weight, channelsFirstShape(shape), geometry));
  },
  Conv2DBackpropFilter: (b, { x, dy }, attrs) => {
    const geometry = geometryOf(channelsLastInfo(attrs, x!.shape, attrs['filterShape']!, false), 1);
    return filterFromOnnx(b, convFilterGradient(b, toChannelsFirst(b, x!), toChannelsFirst(b, dy!), geometry));
  },
  Conv3D: (b, { x, filter }, attrs) => {
    const geometry = conv3dGeometry(attrs, x!.shape, filter!.shape);
    return toChannelsLast(b, conv(b, toChannelsFirst(b, x!), filterToOnnx(b, filter!), geometry));
  },
  Conv3DBackpropInputV2: (b, { dy, filter }, attrs) => {
    const shape: number[] = attrs['inputShape']!;
    const geometry = conv3dGeometry(attrs, shape, filter!.shape);
    const [gradient, weight] = [toChannelsFirst(b, dy!), filterToOnnx(b, filter!)];
    return toChannelsLast(b, convInputGradient(b, gradient, weight, channelsFirstShape(shape), geometry));
  },
  Conv3DBackpropFilterV2: (b, { x, dy }, attrs) => {
    const geometry = conv3dGeometry(attrs, x!.shape, attrs['filterShape']!);
    return filterFromOnnx(b, convFilterGradient(b, toChannelsFirst(b, x!), toChannelsFirst(b, dy!), geometry));
  },
  DepthwiseConv2dNative: depthwiseConv2d,
  DepthwiseConv2dNativeBackpropInput: (b, { dy, filter }, attrs) => {
    const shape: Shape4 = attrs['inputShape']!;
    const geometry = geometryOf(channelsLastInfo(attrs, shape, filter!.shape, true), shape[3]);
    const [gradient, weight] = [toChannelsFirst(b, dy!), depthwiseToOnnx(b, filter!)];
    return toChannelsLast(b, convInputGradient(b, gradient, weight, channelsFirstShape(shape), geometry));
  },
  DepthwiseConv2dNativeBackpropFilter: (b, { x, dy }, attrs) => {
    const filterShape: Shape4 = attrs['filterShape']!;
    const geometry = geometryOf(channelsLastInfo(attrs, x!.shape, filterShape, true), x!.shape[3]!);
    const dw = convFilterGradient(b, toChannelsFirst(b, x!), toChannelsFirst(b, dy!), geometry);
    return depthwiseFromOnnx(b, dw, filterShape);
  },
  FusedConv2D: fused('conv2d', conv2d),
  FusedDepthwiseConv2D: fused('depthwiseConv2d', depthwiseConv2d),
};
