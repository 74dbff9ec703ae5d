/**
 * @file MLPs of N stacked networks on points, as convolutions of one pixel on blocked images, whose biases and ReLUs are part of them.
 *
 * ONNX Runtime's batched products have neither, and with 33 rows and 33 inner elements are far from the machine's rate.
 *
 * Letters: N networks, P points, C and O channels in and out, c = block.
 */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { BLOCKED } from '../rectified.ts';
import { blockedConv, blockFilters, channelsInside, filled, planeFilters } from './blocked-conv.ts';

/** Where filling channels up makes more products than this many times those that are needed, batched products are as fast. */
const WASTE = 2;

export interface BlockedLayer {
  /** `[N, O, C]` */
  readonly weight: Value;
  /** `[N, O]` */
  readonly bias: Value;
}

/** @param sizes channels in, and those of each layer; one layer alone has no ReLU, and isn't worth changing the layout */
export function canBlockPoints({ block }: Builder, sizes: readonly number[]): boolean {
  if (block === 0 || sizes.length < 3 || sizes.includes(0)) return false;
  const products = (size: (channels: number) => number) =>
    sizes.slice(1).reduce((sum, out, i) => sum + size(sizes[i]!) * size(out), 0);
  return products((channels) => filled(channels, block)) <= WASTE * products((channels) => channels);
}

/** ReLUs between the layers. @param x `[N, C, P]` @returns `[N, O, P]` */
export function blockedPointMlp(b: Builder, x: Value, layers: readonly BlockedLayer[]): Value {
  const c = b.block;
  const [N, channels, P] = x.shape as [number, number, number];
  // A convolution reads planes where there are fewer than a block has, and all networks' together fill blocks.
  const planes = channels < c && (N * channels < c || (N * channels) % c === 0);
  const rows = rowsOf(P);
  const grid = (v: Value): Value => b.reshape(v, [1, (v.shape[0]! * sizeOfEach(v)) / P, rows, P / rows]);
  const first = planes ? x : channelsInside(b, b.pad(x, [0, 0, 0], [0, filled(channels, c) - channels, 0]));
  const last = layers.reduce((images, { weight, bias }, i) => {
    const [, O, C] = weight.shape as [number, number, number];
    const all = filled(O, c);
    const w = b.reshape(weight, [N, O, C, 1, 1]);
    const filters =
      planes && i === 0
        ? b.reshape(planeFilters(b, w), [N * all, C, 1, 1])
        : b.reshape(blockFilters(b, w), [N * all, filled(C, c), 1, 1]);
    const shifts = b.reshape(b.pad(bias, [0, 0], [0, all - O]), [N * all]);
    const y = blockedConv(b, [images, filters, shifts], [1, N * all, rows, P / rows], {
      kernel: [1, 1],
      strides: [1, 1],
      pads: [0, 0, 0, 0],
      dilations: [1, 1],
      groups: N,
    });
    return i + 1 < layers.length ? b.unary('Relu', y) : y;
  }, grid(first));
  const O = layers.at(-1)!.weight.shape[1]!;
  const attributes = { channels: O, channels_last: 0 };
  const shape = [N, O, P, 1];
  const blocks = b.reshape(last, [N, filled(O, c), P, 1]);
  return b.reshape(b.graph.add('ReorderOutput', [blocks], { shape, type: 'float32' }, attributes, BLOCKED), [N, O, P]);
}

const sizeOfEach = ({ shape }: Value): number => shape.slice(1).reduce((product, size) => product * size, 1);

/** Rows that threads can share, none of them short. */
const rowsOf = (points: number): number => [16, 8, 4, 2].find((n) => points % n === 0 && points / n >= 256) ?? 1;
