/**
 * @file Convolutions of N stacked networks on blocked images, with all gradients: ONNX Runtime's direct convolutions.
 *
 * They read images as `[P, channels / block, H, W, block]` and, unlike `Conv`, gather no patches. They are what `Conv` with
 * constant weights becomes when a model is loaded; here they are written down, since the weights of networks in training
 * aren't constant. The number of channels in a block depends on the machine.
 *
 * Letters: N networks, P images of each, M = N (or 1 where all see the same images), C and O channels in and out, c = block.
 */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { interleaved, phaseWindows } from '../phases.ts';
import { BLOCKED } from '../rectified.ts';
import type { ConvGeometry } from './nd-conv.ts';

/** Up to this many channels, images are read as planes; above, channels are filled up to whole blocks. */
const FEW = 3;
/** Where filling up makes more products than this many times those that are needed, `Conv` is faster. */
const WASTE = 8;

type Shape5 = readonly [number, number, number, number, number];
type Shape6 = readonly [number, number, number, number, number, number];

export const filled = (channels: number, block: number): number => Math.ceil(channels / block) * block;

/** @param w `[N, O, C, K, L]` */
export function canBlock({ block }: Builder, w: readonly number[]): boolean {
  if (block === 0) return false;
  const [, O, C] = w as Shape5;
  return (filled(O, block) / O) * (C <= FEW ? 1 : filled(C, block) / C) <= WASTE;
}

export function blockedConv(
  b: Builder,
  inputs: readonly Value[],
  shape: readonly number[],
  { kernel, strides, pads, dilations, groups }: ConvGeometry,
): Value {
  const attributes = { kernel_shape: kernel, strides, pads, dilations, group: groups };
  return b.graph.add('Conv', inputs, { shape, type: 'float32' }, attributes, BLOCKED);
}

/** Filters with all channels that whole blocks have. */
function filledFilters(b: Builder, w: Value): Value {
  const [, O, C] = w.shape as Shape5;
  return b.pad(w, [0, 0, 0, 0, 0], [0, filled(O, b.block) - O, filled(C, b.block) - C, 0, 0]);
}

/** @param x `[N, P, H, W, C]`, or `[P, H, W, C]` where all share it @returns `[M, P, H, W, C]` */
const withNetworks = (b: Builder, x: Value): Value => (x.shape.length === 5 ? x : b.reshape(x, [1, ...x.shape]));

/** @param x `[N, P, H, W, C]` or `[P, H, W, C]` @param bias `[N, O]` @returns `[N, P, H', W', O]` */
export function blockedForward(b: Builder, x: Value, w: Value, bias: Value | undefined, g: ConvGeometry): Value {
  const c = b.block;
  const [N, O, C, K, L] = w.shape as Shape5;
  const allO = filled(O, c);
  const [M, P, H, W] = withNetworks(b, x).shape as Shape5;
  const size = (length: number, axis: number) =>
    Math.floor(
      (length + g.pads[axis]! + g.pads[axis + 2]! - g.dilations[axis]! * (g.kernel[axis]! - 1) - 1) / g.strides[axis]!,
    ) + 1;
  const [height, width] = [size(H, 0), size(W, 1)];
  const shifts = bias && [b.reshape(b.pad(bias, [0, 0], [0, allO - O]), [N * allO])];
  const [images, filters, channels] =
    C <= FEW
      ? [planes(b, x), planeFilters(b, w), C]
      : [b.toBlocked(withNetworks(b, x)), blockFilters(b, w), filled(C, c)];
  const whole = b.reshape(images, [P, M * channels, H, W]);
  const rows = b.reshape(filters, [N * allO, channels, K, L]);
  const parts = pieces(M * channels, channels, c).map(([from, to]) => {
    if (M === 1 || to - from === M) {
      return blockedConv(b, [whole, rows, ...(shifts ?? [])], [P, N * allO, height, width], { ...g, groups: M });
    }
    const cut = (v: Value, axis: number, each: number) => {
      const at = (network: number) => v.shape.map((n, i) => (i === axis ? network * each : network === from ? 0 : n));
      return b.slice(v, at(from), at(to));
    };
    const inputs = [cut(whole, 1, channels), cut(rows, 0, allO), ...(shifts ?? []).map((s) => cut(s, 0, allO))];
    return blockedConv(b, inputs, [P, (to - from) * allO, height, width], { ...g, groups: to - from });
  });
  const y = b.concat(parts, 1);
  return b.fromBlocked(b.reshape(y, [P, N, allO / c, height, width, c]), O);
}

/** Ranges of networks of which one convolution can read: fewer planes than a block has, or a multiple of that. */
function pieces(all: number, each: number, block: number): (readonly [number, number])[] {
  const networks = all / each;
  if (all < block || all % block === 0) return [[0, networks]];
  const step = Math.max(1, Math.floor((block - 1) / each));
  return Array.from({ length: Math.ceil(networks / step) }, (_, i) => [i * step, Math.min(networks, (i + 1) * step)]);
}

/** `[P, M, C, H, W]` */
function planes(b: Builder, x: Value): Value {
  const own = withNetworks(b, x);
  const [M, P, H, W, C] = own.shape as Shape5;
  if (C > 1) return b.transpose(own, [1, 0, 4, 2, 3]);
  // Without the axis of size 1, ONNX Runtime moves whole planes.
  return b.reshape(b.transpose(b.reshape(own, [M, P, H, W]), [1, 0, 2, 3]), [P, M, 1, H, W]);
}

/** `[N, O / c, C, K, L, c]` */
export function planeFilters(b: Builder, w: Value): Value {
  const [N, O, C, K, L] = w.shape as Shape5;
  const all = filled(O, b.block);
  const full = b.pad(w, [0, 0, 0, 0, 0], [0, all - O, 0, 0, 0]);
  return b.reshape(channelsInside(b, b.reshape(full, [N, all, C * K * L])), [N, all / b.block, C, K, L, b.block]);
}

/** `[N, O / c, C / c, K, L, c of C, c of O]` */
export function blockFilters(b: Builder, w: Value): Value {
  const [N, O, C, K, L] = filledFilters(b, w).shape as Shape5;
  const c = b.block;
  const inside = channelsInside(b, b.reshape(filledFilters(b, w), [N, O, C * K * L]));
  const turned = b.transpose(b.reshape(inside, [N, O / c, C / c, c, K * L, c]), [0, 1, 2, 4, 3, 5]);
  return b.reshape(turned, [N, O / c, C / c, K, L, c, c]);
}

/** `[B, channels, S]` as `[B, channels / c, S, c]`; faster than as a `Transpose`. */
export function channelsInside(b: Builder, x: Value): Value {
  const [B, channels, S] = x.shape as [number, number, number];
  const whole = b.reshape(x, [B, channels, S, 1]);
  const turned = b.graph.add(
    'ReorderInput',
    [whole],
    { shape: whole.shape, type: 'float32' },
    { channels_last: 0 },
    BLOCKED,
  );
  return b.reshape(turned, [B, channels / b.block, S, b.block]);
}

/** The other way. */
function channelsOutside(b: Builder, x: Value): Value {
  const [B, blocks, S, c] = x.shape as [number, number, number, number];
  const shape = [B, blocks * c, S, 1];
  const whole = b.reshape(x, shape);
  const attributes = { channels: blocks * c, channels_last: 0 };
  const turned = b.graph.add('ReorderOutput', [whole], { shape, type: 'float32' }, attributes, BLOCKED);
  return b.reshape(turned, [B, blocks * c, S]);
}

/**
 * Gradient for the input. Inputs whose rows leave the same rest when divided by the stride read the same part of the
 * kernel: each such class is a convolution with stride 1, and the classes are laid between each other.
 *
 * @param dy `[N, P, H', W', O]` @param inputShape of x; without N where all share it
 */
export function blockedInputGradient(
  b: Builder,
  dy: Value,
  w: Value,
  inputShape: readonly number[],
  g: ConvGeometry,
): Value {
  const c = b.block;
  const [N, , C] = w.shape as Shape5;
  const shared = inputShape.length === 4;
  const [P, H, W] = inputShape.slice(-4) as [number, number, number];
  const images = b.toBlocked(dy);
  const [, , blocksO, height, width] = images.shape as Shape6;
  const blocks = Math.ceil(C / c);
  const M = shared ? 1 : N;
  // Where all share the input, the sum over networks is one over channels.
  const full = filledFilters(b, w);
  const [K, L] = g.kernel as [number, number];
  const inside = channelsInside(b, b.reshape(full, [N * blocksO * c, blocks * c, K * L]));
  const order = shared ? [3, 0, 1, 4, 2, 5] : [0, 3, 1, 4, 2, 5];
  const turned = b.transpose(b.reshape(inside, [N, blocksO, c, blocks, K * L, c]), order);
  const filters = b.reshape(turned, [...turned.shape.slice(0, 3), K, L, c, c]);
  const rows = b.reshape(images, [P * N * blocksO, height, width * c]);
  const rowClasses = classes(H, height, g, 0);
  const columnClasses = classes(W, width, g, 1);
  const [q, r] = [Math.ceil(H / g.strides[0]!), Math.ceil(W / g.strides[1]!)];
  const part = (row: PhaseClass | undefined, column: PhaseClass | undefined): Value => {
    const shape = [P, M * blocks * c, q, r];
    if (!row || !column) return b.expandInFull(b.scalar(0), shape);
    const taps = takeTaps(b, takeTaps(b, filters, 3, row), 4, column);
    const [cutRows, cutColumns] = [cutOf(row), cutOf(column)];
    const read = b.pad(rows, [0, cutRows[0], cutColumns[0] * c], [0, cutRows[1], cutColumns[1] * c]);
    const [h, v] = [height + cutRows[0] + cutRows[1], width + cutColumns[0] + cutColumns[1]];
    const kernel = [row.taps.length, column.taps.length];
    return blockedConv(
      b,
      [
        b.reshape(read, [P, N * blocksO * c, h, v]),
        b.reshape(taps, [M * blocks * c, (N / M) * blocksO * c, ...kernel]),
      ],
      shape,
      {
        kernel,
        strides: [1, 1],
        pads: [row.before, column.before, row.after, column.after].map((n) => Math.max(0, n)),
        dilations: [row.dilation, column.dilation],
        groups: M,
      },
    );
  };
  const parts = rowClasses.flatMap((row) =>
    columnClasses.map((column) => b.reshape(part(row, column), [P, M, blocks, q, r, c])),
  );
  const phases = { parts, strides: g.strides as [number, number] };
  const divides = H % g.strides[0]! === 0 && W % g.strides[1]! === 0;
  if (parts.length > 1 && divides && !shared) return b.fromPhases(phases, C);
  const exact = b.slice(interleaved(b, phases), [0, 0, 0, 0, 0, 0], [P, M, blocks, H, W, c]);
  return b.reshape(b.fromBlocked(exact, C), inputShape);
}

/** Along one axis, the inputs a, a + stride, a + 2 stride, …: what they read of the kernel, and of the output's gradient. */
interface PhaseClass {
  /** Positions of the kernel, in the order in which they meet the output's gradient: from the last to the first. */
  readonly taps: readonly number[];
  readonly dilation: number;
  /** Zeros that the output's gradient needs at its ends; where negative, what isn't read. */
  readonly before: number;
  readonly after: number;
}

/** @returns one for each rest; undefined where nothing is read */
function classes(size: number, outputs: number, g: ConvGeometry, axis: number): (PhaseClass | undefined)[] {
  const [stride, dilation, pad] = [g.strides[axis]!, g.dilations[axis]!, g.pads[axis]!];
  const each = Math.ceil(size / stride);
  return Array.from({ length: stride }, (_, rest) => {
    const taps = Array.from({ length: g.kernel[axis]! }, (__, k) => g.kernel[axis]! - 1 - k).filter(
      (k) => (rest + pad - k * dilation) % stride === 0,
    );
    if (taps.length === 0) return undefined;
    const first = (rest + pad - taps[0]! * dilation) / stride;
    const last = (rest + pad - taps.at(-1)! * dilation) / stride;
    const [before, after] = [-first, each - 1 + last - (outputs - 1)];
    if (outputs + Math.min(0, before) + Math.min(0, after) <= 0) return undefined;
    return { taps, dilation: taps.length > 1 ? (last - first) / (taps.length - 1) : 1, before, after };
  });
}

const cutOf = ({ before, after }: PhaseClass): [number, number] => [Math.min(0, before), Math.min(0, after)];

/** The taps of a class from an axis of the filters. */
function takeTaps(b: Builder, filters: Value, axis: number, { taps }: PhaseClass): Value {
  const step = taps.length > 1 ? taps[1]! - taps[0]! : -1;
  const set = (value: number, rest: readonly number[]) => rest.map((n, i) => (i === axis ? value : n));
  const zeros = filters.shape.map(() => 0);
  return b.slice(
    filters,
    set(taps[0]!, zeros),
    set(taps.at(-1)! - 1, filters.shape),
    set(
      step,
      zeros.map(() => 1),
    ),
  );
}

/** @returns `[N, O, C, K, L]` */
export function blockedFilterGradient(b: Builder, x: Value, dy: Value, shape: Shape5, g: ConvGeometry): Value {
  const [N, O, C, K, L] = shape;
  if (C > FEW) return filterGradientByConvolution(b, x, dy, shape, g);
  const sums = patchSums(b, x, dy, g);
  const [, blocks, rows, c] = sums.shape as [number, number, number, number];
  const all = channelsOutside(b, b.slice(sums, [0, 0, 0, 0], [N, blocks, rows - 1, c]));
  return b.reshape(b.slice(all, [0, 0, 0], [N, O, rows - 1]), [N, O, C, K, L]);
}

/** The sum over images and positions; `[N, O]` */
export function blockedBiasGradient(b: Builder, x: Value, dy: Value, [N, O, C]: Shape5, g: ConvGeometry): Value {
  const c = b.block;
  if (C <= FEW) {
    const sums = patchSums(b, x, dy, g);
    const [, blocks, rows] = sums.shape as [number, number, number];
    const last = b.slice(sums, [0, 0, rows - 1, 0], [N, blocks, rows, c]);
    return b.slice(b.reshape(last, [N, blocks * c]), [0, 0], [N, O]);
  }
  const images = b.toBlocked(dy);
  const [P, , blocks, height, width] = images.shape as Shape6;
  const sum = b.reduce('ReduceSum', b.reshape(images, [P, N * blocks, height * width, c]), [0, 2]);
  return b.slice(b.reshape(sum, [N, blocks * c]), [0, 0], [N, O]);
}

/**
 * For few channels: products of the patches of each image, laid out by a convolution with filters that each pick one
 * element, and the output's gradient. One row of ones beside the patches makes the bias's gradient on the way.
 *
 * @returns `[N, O / c, C·K·L + 1, c]`
 */
function patchSums(b: Builder, x: Value, dy: Value, g: ConvGeometry): Value {
  const images = planes(b, x);
  const [P, M, C, H, W] = images.shape as Shape5;
  const { parts, strides } = b.phasesOf(dy) ?? { parts: [b.toBlocked(dy)], strides: [1, 1] as const };
  const [, N, blocks, height, width, c] = parts[0]!.shape as Shape6;
  const filters = pickingFilters(b, C, g.kernel as [number, number]);
  const rows = filters[0].shape[0]!;
  const window = { kernel_shape: g.kernel, strides: g.strides, pads: g.pads, dilations: g.dilations };
  const whole = b.reshape(images, [P, M * C, H, W]);
  const outputs = [height * strides[0], width * strides[1]] as const;
  const sums = phaseWindows(b, whole, window, strides, outputs).map((phase, i) => {
    const patches = b.graph.add(
      'Conv',
      [b.reshape(phase.planes, [P * M, C, ...phase.planes.shape.slice(2)]), ...filters],
      { shape: [P * M, rows, height, width], type: 'float32' },
      { ...phase.window, group: 1 },
    );
    const products = b.graph.add(
      'MatMul',
      [b.reshape(patches, [P, M, 1, rows, height * width]), b.reshape(parts[i]!, [P, N, blocks, height * width, c])],
      { shape: [P, N, blocks, rows, c], type: 'float32' },
    );
    return b.reduce('ReduceSum', products, [0]);
  });
  return sums.reduce((sum, next) => b.add(sum, next));
}

/** Filters `[C·K·L + 1, C, K, L]` and biases that pick each element of a patch, and 1. */
function pickingFilters(b: Builder, C: number, [K, L]: readonly [number, number]): [Value, Value] {
  const size = C * K * L;
  const picks = new Float32Array((size + 1) * size);
  for (let i = 0; i < size; i++) picks[i * size + i] = 1;
  const ones = new Float32Array(size + 1);
  ones[size] = 1;
  return [
    b.graph.constant({ dtype: 'float32', shape: [size + 1, C, K, L], data: picks }),
    b.graph.constant({ dtype: 'float32', shape: [size + 1], data: ones }),
  ];
}

/**
 * Gradient for the filters: the input convolved with the output's gradient as kernel, images in the place of channels.
 *
 * Each block of c images is a group of its own, whose results are added up. Columns and channels of the input are one axis,
 * so that the results of all channels lie side by side: the kernel steps over it by whole pixels.
 */
function filterGradientByConvolution(b: Builder, x: Value, dy: Value, [N, O, C, K, L]: Shape5, g: ConvGeometry): Value {
  const c = b.block;
  const lined = b.toBlocked(withNetworks(b, x));
  const [P, M, blocks, H, W] = lined.shape as Shape6;
  const outputs = b.toBlocked(dy);
  const [, , blocksO, height, width] = outputs.shape as Shape6;
  const [allP, size] = [filled(P, c), height * width];
  const groups = (allP / c) * M;
  const reach = (axis: number, count: number) =>
    g.strides[axis]! * (count - 1) + g.dilations[axis]! * (g.kernel[axis]! - 1) + 1;
  const [top, left] = g.pads as [number, number];
  const [bottom, right] = [reach(0, height) - H - top, reach(1, width) - W - left];
  // Rows of zeros are the convolution's own, which skips them; columns of zeros it doesn't skip as fast as it reads them.
  const rows = b.pad(
    b.reshape(lined, [P, M * blocks, H, W * c]),
    [0, 0, 0, left * c],
    [allP - P, 0, Math.min(0, bottom), right * c],
  );
  const [h, v] = rows.shape.slice(2) as [number, number];
  const turned = channelsInside(b, b.reshape(rows, [1, allP, M * blocks * h * v]));
  const images = b.transpose(b.reshape(turned, [allP / c, M, blocks, h * v * c]), [2, 0, 1, 3]);
  const whole = b.pad(outputs, [0, 0, 0, 0, 0, 0], [allP - P, 0, 0, 0, 0, 0]);
  const kernels = b.transpose(b.reshape(whole, [allP / c, c, N * blocksO * size, c]), [0, 2, 1, 3]);
  const columns = (L - 1) * g.dilations[1]! + 1;
  const all = (allP / c) * N * blocksO * c;
  const full = blockedConv(
    b,
    [b.reshape(images, [blocks, groups * c, h, v]), b.reshape(kernels, [all, c, height, width])],
    [blocks, all, K, columns * c],
    {
      kernel: [height, width],
      strides: [g.dilations[0]!, 1],
      pads: [top, 0, Math.max(0, bottom), 0],
      dilations: [g.strides[0]!, g.strides[1]! * c],
      groups,
    },
  );
  const sum = b.reduce('ReduceSum', b.reshape(full, [blocks, allP / c, N * blocksO * K * columns * c * c]), [1]);
  const taps = everyNth(b, b.reshape(sum, [blocks, N * blocksO, K, columns, c * c]), 3, g.dilations[1]!);
  const byTap = b.reshape(taps, [blocks, N, blocksO, K * L, c, c]);
  const byChannel = b.reshape(b.transpose(byTap, [1, 2, 0, 4, 3, 5]), [N, blocksO, blocks * c * K * L, c]);
  const filters = b.reshape(channelsOutside(b, byChannel), [N, blocksO * c, blocks * c, K, L]);
  return b.slice(filters, [0, 0, 0, 0, 0], [N, O, C, K, L]);
}

function everyNth(b: Builder, x: Value, axis: number, step: number): Value {
  const steps = x.shape.map((_, i) => (i === axis ? step : 1));
  return b.slice(
    x,
    x.shape.map(() => 0),
    x.shape,
    steps,
  );
}
