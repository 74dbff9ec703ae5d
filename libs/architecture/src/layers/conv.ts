import { stackedConv2d, stackedConv2dChannelsLast, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { flag, perAxis, wholeNumber } from '../checks.ts';
import type { Fields } from '../checks.ts';
import type { Label } from '../labels/label.ts';
import { stackShared } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { DeclareContext, LayerDeclaration, LayerKind, LayerSpec } from './layer-kind.ts';
import { padPositions, windowPositions } from './window.ts';
import type { Window } from './window.ts';

interface ConvSettings extends Window {
  readonly size: number;
  readonly groups: number;
  readonly bias: boolean;
}
const settingsOf = (layer: LayerSpec): ConvSettings => layer as unknown as ConvSettings;

/**
 * Convolution over 1, 2 or 3 position axes, with zero padding; W `[out, in / groups, …kernel]`, b `[out]`.
 *
 *     y[p, o] = b[o] + Σ_{i,k} W[o, i, k] · x[stride · p + dilation · k − padding, i]      i over the group of o
 *
 * Settings: size (channels written), kernel, strides (1), padding (0), dilations (1): a number, or one per axis; groups
 * (1), bias (true).
 *
 * Symmetry: rows of W and b go with the output's channels, columns with the input's; kernel positions are fixed. With
 * groups, groups move as blocks, in the input and the output alike, and the channels of each have an order of their own.
 * A depthwise convolution (as many groups as channels) keeps its channels' order; with m outputs for each channel these
 * are permuted for each channel by itself. Its channels' sign and scale go through to the output; where m > 1, the
 * signs and scales that each output has by itself are not used.
 * Source: PyTorch `nn.Conv1d`, `nn.Conv2d`, `nn.Conv3d`.
 * Departs: no padding modes but zeros.
 */
const conv = (axes: 1 | 2 | 3): LayerKind => ({
  kind: `conv${axes}d`,
  settings: (given, place) => parse(given, place, axes),
  declare,
  apply: (layer, { weight, bias }, [x], gain, { count, inputs }) => {
    const scaled = (t: Tensor) => (gain === 1 ? t : tf.mul(t, gain));
    // Two axes are left as they come: what all networks share is then read once for all.
    const own = axes === 2 ? x! : stackShared(x!, inputs[0]!.positions, count);
    const run = axes === 1 ? conv1d : axes === 2 ? conv2d : conv3d;
    return run(own, scaled(weight!), bias && scaled(bias), settingsOf(layer));
  },
});
registerLayerKind(conv(1));
registerLayerKind(conv(2));
registerLayerKind(conv(3));

function parse(given: Fields, place: string, axes: number): Fields {
  const { size, kernel, strides = 1, padding = 0, dilations = 1, groups = 1, bias = true } = given;
  return {
    size: wholeNumber(`${place}.size`, size),
    kernel: perAxis(`${place}.kernel`, kernel, axes, 1),
    strides: perAxis(`${place}.strides`, strides, axes, 1),
    padding: perAxis(`${place}.padding`, padding, axes, 0),
    dilations: perAxis(`${place}.dilations`, dilations, axes, 1),
    groups: wholeNumber(`${place}.groups`, groups),
    bias: flag(`${place}.bias`, bias),
  };
}

function declare(layer: LayerSpec, context: DeclareContext): LayerDeclaration {
  const { inputs, labels, place } = context;
  needInputs(layer, place, 1, 1);
  const settings = settingsOf(layer);
  const { size, groups, kernel, bias } = settings;
  const x = inputs[0]!;
  for (const channels of [x.size, size]) {
    if (channels % groups === 0) continue;
    throw new ArchitectureError('defineArchitecture', `${place}.groups`, `a divisor of ${channels} channels`, groups);
  }
  const positions = windowPositions(x, settings, place);
  const { out, columns, role } = channelLabels(layer, settings, context);
  const kernels = kernel.map((length, axis) =>
    labels.space({ name: `${layer.name}.kernel${axis}`, size: length, kind: 'kernel', free: false }),
  );
  const taps = kernel.reduce((n, length) => n * length, 1);
  const fan = { in: (x.size / groups) * taps, out: (size / groups) * taps };
  const weight = {
    name: 'weight',
    kind: 'weight',
    axes: [
      { label: out, role },
      { label: columns, role: role === 'out' ? 'in' : 'index' },
      ...kernels.map((label) => ({ label, role: 'index' }) as const),
    ],
    fan,
  } as const;
  const shift = { name: 'bias', kind: 'bias', axes: [{ label: out, role: 'out' }], fan } as const;
  const parameters = bias ? [weight, shift] : [weight];
  return { label: out, positions, parameters, breaks: role === 'out' ? [] : ['phase'] };
}

/** Channels of the output, the weight's second axis, and what the weight does with the channels of the output. */
function channelLabels(
  layer: LayerSpec,
  { size, groups }: ConvSettings,
  { inputs, labels }: DeclareContext,
): { readonly out: Label; readonly columns: Label; readonly role: 'out' | 'index' } {
  const x = inputs[0]!;
  if (groups === 1) {
    return { out: labels.space({ name: layer.output, size }), columns: x.label, role: 'out' };
  }
  if (groups === x.size) {
    const columns = labels.space({ name: `${layer.name}.channel`, size: 1, kind: 'index', free: false });
    if (size === groups) return { out: x.label, columns, role: 'index' };
    return { out: withMultiplier(layer, size / groups, x.label, labels), columns, role: 'index' };
  }
  const names = [`${layer.name}.group`, `${layer.name}.in`];
  const [group, columns] = labels.splitProduct(x.label, [groups, x.size / groups], { names });
  const within = labels.resolve(group!)[0]!.at(-1)!;
  const own = labels.space({ name: layer.output, size: size / groups, within });
  return { out: labels.merge([group!, own]), columns: columns!, role: 'out' };
}

/** Channels c·m + j: m for each channel of the input. */
function withMultiplier(layer: LayerSpec, m: number, channels: Label, labels: DeclareContext['labels']): Label {
  return labels.resolve(channels).map((product, i) => {
    const within = product.at(-1)!;
    const name = `${layer.name}.multiplier${i === 0 ? '' : i}`;
    return [...product, labels.leaf({ name, size: m, kind: 'multiplier', within })];
  });
}

/** @param x `[N, P, H, W, C]`, or `[P, H, W, C]` where all networks share it @returns `[N, P, H', W', O]` */
function conv2d(x: Tensor, weight: Tensor, bias: Tensor | undefined, settings: ConvSettings): Tensor {
  const { groups, strides, padding, dilations } = settings;
  const [top, left] = padding as [number, number];
  const options = {
    strides: strides as [number, number],
    pads: [top, left, top, left] as const,
    dilations: dilations as [number, number],
  };
  if (groups === 1) return stackedConv2dChannelsLast(x, weight, bias, options);
  const [N, O, each, K, L] = weight.shape as [number, number, number, number, number];
  const own = stackShared(x, x.shape.slice(-3, -1), N);
  const [, P, H, W, C] = own.shape as [number, number, number, number, number];
  const images = tf.reshape(tf.transpose(own, [1, 0, 4, 2, 3]), [P, N * C, H, W]);
  const kernels = tf.reshape(weight, [N * groups, O / groups, each, K, L]);
  const y = stackedConv2d(images, kernels, bias && tf.reshape(bias, [N * groups, O / groups]), options);
  const [, , height, width] = y.shape as [number, number, number, number];
  return tf.transpose(tf.reshape(y, [P, N, O, height, width]), [1, 0, 3, 4, 2]);
}

/** As an image of one row. */
function conv1d(x: Tensor, weight: Tensor, bias: Tensor | undefined, settings: ConvSettings): Tensor {
  const { strides, padding, dilations } = settings;
  const y = conv2d(tf.expandDims(x, 2), tf.expandDims(weight, 3), bias, {
    ...settings,
    strides: [1, strides[0]!],
    padding: [0, padding[0]!],
    dilations: [1, dilations[0]!],
  });
  return tf.squeeze(y, [2]);
}

/** The sum over the kernel's slices of convolutions of the input's slices; x `[N, P, D, H, W, C]`. */
function conv3d(x: Tensor, weight: Tensor, bias: Tensor | undefined, settings: ConvSettings): Tensor {
  const { strides, padding, dilations, kernel } = settings;
  const flat = { ...settings, strides: strides.slice(1), padding: padding.slice(1), dilations: dilations.slice(1) };
  const padded = padPositions(x, padding.slice(0, 1), 2);
  const [N, P, depth, ...rest] = padded.shape as [number, number, number, ...number[]];
  const count = Math.floor((depth - dilations[0]! * (kernel[0]! - 1) - 1) / strides[0]!) + 1;
  const slices = tf.unstack(weight, 3).map((slice, k) => {
    const at = Array.from({ length: count }, (_, d) => d * strides[0]! + k * dilations[0]!);
    const read = tf.gather(padded, tf.tensor1d(at, 'int32'), 2);
    return conv2d(tf.reshape(read, [N, P * count, ...rest]), slice, k === 0 ? bias : undefined, flat);
  });
  const sum = slices.reduce((total, slice) => tf.add(total, slice));
  return tf.reshape(sum, [N, P, count, ...sum.shape.slice(2)]);
}
