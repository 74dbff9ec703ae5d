import { activationOf } from '../activations.ts';
import type { KerasValue, LayerReader, LayerReading } from '../keras-layer.ts';
import { padded } from './padding.ts';

/** [kernel axes …, in, out] → [out, in, kernel axes …]. */
const lastFirst = (axes: number) => [{ transpose: [axes + 1, axes, ...Array.from({ length: axes }, (_, i) => i)] }];

/** Conv1D, Conv2D, Conv3D, with groups. */
export const conv =
  (axes: 1 | 2 | 3): LayerReader =>
  (at) => {
    const window = windowOf(at, axes);
    const size = at.number('filters');
    const bias = at.flag('use_bias', true);
    const settings = { size, bias, groups: at.number('groups', 1), activation: activationOf(at) };
    const origins = { weight: at.weight('kernel', 0, lastFirst(axes)), ...(bias && { bias: at.weight('bias', 1) }) };
    return convolve(at, at.x, window, { ...settings, kind: `conv${axes}d` }, origins);
  };

/** DepthwiseConv1D and DepthwiseConv2D: [kernel axes …, in, multiplier]. */
export const depthwise =
  (axes: 1 | 2): LayerReader =>
  (at) => {
    const bias = at.flag('use_bias', true);
    const own = depthwisePart(at, axes, 'depthwise_kernel');
    const origins = { weight: own.weight, ...(bias && { bias: at.weight('bias', 1) }) };
    const settings = { ...own.settings, bias, activation: activationOf(at) };
    return convolve(at, at.x, windowOf(at, axes), settings, origins);
  };

/** SeparableConv1D and SeparableConv2D: a depthwise convolution, then one of 1 × 1. */
export const separable =
  (axes: 1 | 2): LayerReader =>
  (at) => {
    const own = depthwisePart(at, axes, 'depthwise_kernel');
    const middle = convolve(
      at,
      at.x,
      windowOf(at, axes),
      { ...own.settings, bias: false },
      { weight: own.weight },
      '_depthwise',
    );
    const size = at.number('filters');
    const bias = at.flag('use_bias', true);
    const weight = at.weight('pointwise_kernel', 1, lastFirst(axes));
    const ones = Array<number>(axes).fill(1);
    const window = { kernel: ones, strides: ones, dilations: ones, padding: 'valid' };
    const settings = { kind: `conv${axes}d`, size, bias, groups: 1, activation: activationOf(at) };
    return convolve(at, middle, window, settings, { weight, ...(bias && { bias: at.weight('bias', 2) }) });
  };

function depthwisePart(at: LayerReading, axes: number, role: string) {
  const { channels } = at.x;
  // TensorFlow.js doesn't write depth_multiplier of all layers.
  const multiplier = at.weightShape(role, 0)[axes + 1] ?? 1;
  const kernel = windowOf(at, axes).kernel;
  const size = channels * multiplier;
  const order = [axes, axes + 1, ...Array.from({ length: axes }, (_, i) => i)];
  const weight = at.weight(role, 0, [{ transpose: order }, { reshape: [size, 1, ...kernel] }]);
  return { weight, settings: { kind: `conv${axes}d`, size, groups: channels } };
}

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: string;
}

function windowOf(at: LayerReading, axes: number): Window {
  const format = at.config['data_format'] ?? 'channels_last';
  if (format !== 'channels_last' && format !== 'channelsLast') at.fail('data_format', 'channels_last', format);
  return {
    kernel: at.sizes('kernel_size', axes, 1),
    strides: at.sizes('strides', axes, 1),
    dilations: at.sizes('dilation_rate', axes, 1),
    padding: String(at.config['padding'] ?? 'valid'),
  };
}

type Settings = { readonly kind: string; readonly size: number; readonly [setting: string]: unknown };

function convolve(
  at: LayerReading,
  x: KerasValue,
  window: Window,
  { kind, ...settings }: Settings,
  origins: Parameters<LayerReading['add']>[3],
  suffix = '',
): KerasValue {
  const { value, padding, positions } = padded(at, x, window, false);
  const { kernel, strides, dilations } = window;
  const added = at.add(kind, [{ ...x, value }], { ...settings, kernel, strides, dilations, padding }, origins, suffix);
  return { value: added, channels: settings.size, positions };
}
