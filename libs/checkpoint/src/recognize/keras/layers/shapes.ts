import '../kinds/pad.ts';
import '../kinds/rescale.ts';
import type { KerasValue, LayerReader, LayerReading } from '../keras-layer.ts';
import { padded } from './padding.ts';

const count = (sizes: readonly number[]): number => sizes.reduce((n, m) => n * m, 1);

/** Max- and AveragePooling1D, 2D, 3D. */
export const pooling =
  (mode: 'max' | 'average', axes: number): LayerReader =>
  (at) => {
    const kernel = at.sizes('pool_size', axes, 2);
    const given = at.config['strides'];
    const strides = given === undefined || given === null ? kernel : at.sizes('strides', axes, 1);
    const window = {
      kernel,
      strides,
      dilations: kernel.map(() => 1),
      padding: String(at.config['padding'] ?? 'valid'),
    };
    const { value, padding, positions } = padded(at, at.x, window, true);
    const pads = padding.some((n) => n > 0) || value !== at.x.value;
    if (mode === 'average' && pads) at.fail('padding', 'valid: here means count what is added', window.padding);
    const added = at.add(`${mode}-pool`, [{ ...at.x, value }], { kernel, strides, padding }, {});
    return { value: added, channels: at.x.channels, positions };
  };

/** GlobalAverage- and GlobalMaxPooling. */
export const globalPooling =
  (mode: 'mean' | 'max'): LayerReader =>
  (at) => {
    if (at.config['keepdims'] === true) at.fail('keepdims', 'false', true);
    return { value: at.add('global-pool', [at.x], { mode }, {}), channels: at.x.channels, positions: [] };
  };

/** Flatten: Keras puts the channels of one position side by side, here it is the positions of one channel. */
export const flatten: LayerReader = (at) => {
  const { x } = at;
  if (x.positions.length === 0) return x;
  const [places, size] = [count(x.positions), count(x.positions) * x.channels];
  const order = Array.from({ length: size }, (_, i) => (i % places) * x.channels + Math.floor(i / places));
  return { value: at.add('flatten', [x], {}, {}), channels: size, positions: [], ...(places > 1 && { order }) };
};

/** Reshape: only what flattens, or changes nothing. */
export const reshape: LayerReader = (at) => {
  const { x } = at;
  const target = at.config['target_shape'];
  const sizes = Array.isArray(target) ? (target as number[]) : [];
  const all = [...x.positions, x.channels];
  const wanted = sizes.map((n) => (n === -1 ? count(all) / -count(sizes) : n));
  if (wanted.join() === all.join()) return x;
  if (wanted.length === 1 && wanted[0] === count(all)) return flatten(at);
  return at.fail('target_shape', `[${all.join(', ')}] or [${count(all)}]`, target);
};

/** UpSampling1D, 2D, 3D, to the nearest. */
export const upSampling =
  (axes: number): LayerReader =>
  (at) => {
    const mode = at.config['interpolation'] ?? 'nearest';
    if (mode !== 'nearest') at.fail('interpolation', 'nearest', mode);
    const factors = at.sizes('size', axes, 2);
    const positions = at.x.positions.map((n, axis) => n * factors[axis]!);
    return { ...at.x, value: at.add('upsample', [at.x], { factors }, {}), positions };
  };

/** ZeroPadding1D, 2D, 3D: a number, one for each axis, or a pair for each axis. */
export const zeroPadding =
  (axes: number): LayerReader =>
  (at) => {
    const pads = pairsOf(at, axes);
    const positions = at.x.positions.map((n, axis) => n + pads[axis]![0] + pads[axis]![1]);
    return { ...at.x, value: at.add('pad', [at.x], { pads }, {}), positions };
  };

function pairsOf(at: LayerReading, axes: number): [number, number][] {
  const value = at.config['padding'] ?? 1;
  const list = (Array.isArray(value) ? value : Array<unknown>(axes).fill(value)) as unknown[];
  const whole = axes === 1 && list.length === 2 ? [list] : list;
  const pairs = whole.map((item): unknown => (Array.isArray(item) ? item : [item, item]));
  const fits = (pair: unknown) =>
    Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isSafeInteger(n));
  if (pairs.length === axes && pairs.every(fits)) return pairs as [number, number][];
  return at.fail('padding', `a number or a pair for each of ${axes} axes`, value);
}

export const rescaling: LayerReader = (at) => {
  const settings = { factor: at.number('scale', 1), offset: at.number('offset', 0) };
  return { ...at.x, value: at.add('rescale', [at.x], settings, {}) };
};

/** What only trains, or is nothing when the network runs. */
export const nothing: LayerReader = (at): KerasValue => at.x;
