/** @file Poolings on blocked images (see blocked-conv.ts), with the gradients of windows that don't overlap. */
import { sameShape } from '../graph.ts';
import type { Attributes, Value } from '../graph.ts';
import type { Builder } from '../build.ts';
import { BLOCKED } from '../rectified.ts';
import type { ConvGeometry } from './nd-conv.ts';

type Shape6 = readonly [number, number, number, number, number, number];

/** Images with fewer channels, as a share of a block, aren't worth filling up. */
const WORTH = 1 / 2;

/**
 * `[N·P, H, W, C]` as blocked images, where it is a view of such or has about a block of channels.
 *
 * @param batch P and N, where they are known from another value
 * @returns `[P, N, C / block, H, W, block]`
 */
function imagesOf(b: Builder, x: Value, batch?: readonly [number, number]): Value | undefined {
  if (b.block === 0 || x.type !== 'float32' || x.shape.some((size) => size === 0)) return undefined;
  const known = b.blockedOf(x);
  if (known && (!batch || sameShape(known.shape.slice(0, 2), batch))) return known;
  if (!known && x.shape[3]! < WORTH * b.block) return undefined;
  const [P, N] = batch ?? [x.shape[0]!, 1];
  return b.toBlocked(b.reshape(x, [N, P, ...x.shape.slice(1)]));
}

/** The other way. */
function fromImages(b: Builder, images: Value, channels: number): Value {
  const view = b.fromBlocked(images, channels);
  return b.reshape(view, [view.shape[0]! * view.shape[1]!, ...view.shape.slice(2)]);
}

/** @param x `[B, H, W, C]` @returns undefined where the images can't be had in blocks */
export function blockedPool(
  b: Builder,
  op: 'MaxPool' | 'AveragePool',
  x: Value,
  g: ConvGeometry,
  [height, width]: readonly [number, number],
): Value | undefined {
  const images = imagesOf(b, x);
  return images && fromImages(b, pool(b, op, images, g, height, width), x.shape[3]!);
}

function pool(b: Builder, op: string, images: Value, g: ConvGeometry, height: number, width: number): Value {
  const [P, N, blocks, H, W, c] = images.shape as Shape6;
  const attributes = { kernel_shape: g.kernel, strides: g.strides, pads: g.pads };
  const more: Attributes = op === 'AveragePool' ? { count_include_pad: 0 } : {};
  const pooled = b.graph.add(
    op,
    [b.reshape(images, [P, N * blocks * c, H, W])],
    { shape: [P, N * blocks * c, height, width], type: 'float32' },
    { ...attributes, ...more },
    BLOCKED,
  );
  return b.reshape(pooled, [P, N, blocks, height, width, c]);
}

/** Whether windows lie side by side. */
const tiles = (g: ConvGeometry): boolean =>
  g.pads.every((n) => n === 0) && sameShape(g.kernel, g.strides) && g.kernel[0] === g.kernel[1];

/** Each element as often as its window has places. */
function spread(b: Builder, images: Value, [k]: readonly number[]): Value {
  const [P, N, blocks, h, w, c] = images.shape as Shape6;
  const shape = [P, N * blocks * c, h * k!, w * k!];
  const small = b.reshape(images, [P, N * blocks * c, h, w]);
  const large = b.graph.add('Upsample', [small], { shape, type: 'float32' }, { scales: [1, 1, k!, k!] }, BLOCKED);
  return b.reshape(large, [P, N, blocks, h * k!, w * k!, c]);
}

/** What the windows cover. */
function covered(b: Builder, images: Value, h: number, w: number): Value {
  const [, , , H, W] = images.shape as Shape6;
  return b.pad(images, [0, 0, 0, 0, 0, 0], [0, 0, 0, h - H, w - W, 0]);
}

/** @returns undefined where windows overlap or images can't be had in blocks */
export function blockedAveragePoolGradient(b: Builder, dy: Value, x: Value, g: ConvGeometry): Value | undefined {
  const gradient = tiles(g) ? imagesOf(b, dy) : undefined;
  if (!gradient) return undefined;
  const share = b.mul(gradient, b.scalar(1 / (g.kernel[0]! * g.kernel[1]!)));
  const [, H, W, C] = x.shape as [number, number, number, number];
  return fromImages(b, covered(b, spread(b, share, g.kernel), H, W), C);
}

/**
 * Each output's gradient goes to the first place of its window that holds the largest value. Places are numbered from the
 * last to the first, from 1; the largest number among those that hold the largest value is the first of them.
 *
 * @returns undefined where windows overlap or images can't be had in blocks
 */
export function blockedMaxPoolGradient(b: Builder, dy: Value, x: Value, y: Value, g: ConvGeometry): Value | undefined {
  if (!tiles(g)) return undefined;
  const images = imagesOf(b, x);
  const batch = images?.shape.slice(0, 2) as [number, number] | undefined;
  const [largest, gradient] = [imagesOf(b, y, batch), imagesOf(b, dy, batch)];
  if (!images || !largest || !gradient) return undefined;
  const [, , , h, w, c] = largest.shape as Shape6;
  const [k] = g.kernel as [number, number];
  const inside = covered(b, images, h * k, w * k);
  const isLargest = b.cast(b.compare('Equal', inside, spread(b, largest, g.kernel)), 'float32');
  const numbers = Float32Array.from({ length: h * k * w * k * c }, (_, i) => {
    const [row, column] = [Math.floor(i / (c * w * k)) % k, (Math.floor(i / c) % (w * k)) % k];
    return k * k - (row * k + column);
  });
  const places = b.graph.constant({ dtype: 'float32', shape: [h * k, w * k, c], data: numbers });
  const numbered = b.mul(isLargest, places);
  const first = pool(b, 'MaxPool', numbered, g, h, w);
  const isFirst = b.cast(b.compare('Equal', numbered, spread(b, first, g.kernel)), 'float32');
  const spreadGradient = b.mul(spread(b, gradient, g.kernel), isFirst);
  const [, H, W, C] = x.shape as [number, number, number, number];
  return fromImages(b, covered(b, spreadGradient, H, W), C);
}
