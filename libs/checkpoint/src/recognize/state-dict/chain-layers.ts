/** @file Layers that stand one behind the other, told by the shapes of their tensors. */
import { unmatched, weightAndBias } from './draft.ts';
import type { Draft } from './draft.ts';
import type { RecognizeOptions } from './options.ts';
import type { StateDict } from './state-dict.ts';

/** What the next layer reads. */
export interface ChainValue {
  readonly value: string;
  readonly channels: number;
  readonly positions: readonly number[];
}

/** Names of layers, each once, in the order of their first tensors. */
export function layersOf(dict: StateDict, names: readonly string[]): string[] {
  const layers = names.filter((name) => name.includes('.')).map((name) => name.slice(0, name.lastIndexOf('.')));
  return [...new Set(layers)].filter((layer) => dict.has(`${layer}.weight`) || dict.has(`${layer}.running_mean`));
}

const isNorm = (dict: StateDict, layer: string): boolean =>
  dict.shape(`${layer}.weight`).length === 1 || dict.has(`${layer}.running_mean`);

/** Adds the layers to what there is. @throws {RecognitionError} where one can't follow the one before */
export function addChain(
  draft: Draft,
  layers: readonly string[],
  start: ChainValue,
  options: RecognizeOptions,
): ChainValue {
  const last = layers.findLastIndex((layer) => !isNorm(draft.dict, layer));
  const { activation = 'unknown' } = options as { activation?: string };
  if (last > 0 && !options.activation) {
    draft.note('activations aren’t known (option activation): only orders of neurons are claimed, not signs or scales');
  }
  return layers.reduce((current, layer, i) => {
    const normed = i + 1 < layers.length && isNorm(draft.dict, layers[i + 1]!);
    // Behind its norm where a layer has one.
    const after = i < last && !normed ? { activation } : {};
    return addLayer(draft, layer, current, after, options);
  }, start);
}

type After = { readonly activation?: string };

function addLayer(draft: Draft, layer: string, x: ChainValue, after: After, options: RecognizeOptions): ChainValue {
  const { dict } = draft;
  const shape = dict.shape(`${layer}.weight`);
  if (isNorm(dict, layer)) return addNorm(draft, layer, x, after);
  if (shape.length === 2) return addLinear(draft, layer, vectorFor(draft, layer, shape[1]!, x, options), after);
  if (shape.length >= 3 && shape.length <= 5 && x.positions.length === shape.length - 2)
    return addConv(draft, layer, x, after);
  throw unmatched([`${layer}.weight`], `a layer that can follow ${x.channels} channels`);
}

function addLinear(draft: Draft, layer: string, x: ChainValue, after: After): ChainValue {
  const [size = 1] = draft.dict.shape(`${layer}.weight`);
  return { ...x, value: draft.addNamed(layer, 'linear', x.value, { size, ...after }), channels: size };
}

/** Without strides, and with as much padding as keeps odd kernels' positions. */
function addConv(draft: Draft, layer: string, x: ChainValue, after: After): ChainValue {
  const [size = 1, read = 1, ...kernel] = draft.dict.shape(`${layer}.weight`);
  if (x.channels % read !== 0 || size % (x.channels / read) !== 0) {
    throw unmatched([`${layer}.weight`], `a convolution that reads ${x.channels} channels`);
  }
  const padding = kernel.map(samePadding);
  const positions = x.positions.map((n, axis) => n - shrink(kernel[axis]!));
  const settings = { size, kernel, padding, groups: x.channels / read, ...after };
  return { value: draft.addNamed(layer, `conv${kernel.length}d`, x.value, settings), channels: size, positions };
}

export const samePadding = (kernel: number): number => Math.floor((kernel - 1) / 2);
export const shrink = (kernel: number): number => kernel - 1 - 2 * samePadding(kernel);

function addNorm(draft: Draft, layer: string, x: ChainValue, after: After): ChainValue {
  const { dict } = draft;
  const running = dict.has(`${layer}.running_mean`);
  const [size] = dict.shape(running ? `${layer}.running_mean` : `${layer}.weight`);
  if (size !== x.channels) throw unmatched([`${layer}.weight`], `a norm of ${x.channels} channels`);
  if (!running && x.positions.length > 1) {
    throw unmatched(
      [`${layer}.weight`],
      'a batch norm (whether others are group, layer or instance norms no tensor tells)',
    );
  }
  if (!running) {
    draft.note(`'${layer}' is assumed to be a layer norm`);
    return { ...x, value: draft.addNamed(layer, 'layer-norm', x.value, after) };
  }
  const statistics = { running_mean: `${layer}.running_mean`, running_var: `${layer}.running_var` };
  const affine = dict.has(`${layer}.weight`);
  const origins = { ...(affine && weightAndBias(dict, layer)), ...statistics };
  return { ...x, value: draft.add(layer, 'batch-norm', x.value, { affine, ...after }, origins) };
}

/** Pixels become channels, or their mean is taken, as the linear layer's columns tell. */
function vectorFor(draft: Draft, layer: string, read: number, x: ChainValue, options: RecognizeOptions): ChainValue {
  if (read === x.channels && x.positions.length <= 1) return x;
  const pixels = x.positions.reduce((n, m) => n * m, 1);
  const { dict } = draft;
  if (x.positions.length > 0 && read === x.channels) {
    draft.note(`before '${layer}' the mean over positions is assumed`);
    return { value: draft.add(`${layer}_pool`, 'global-pool', x.value), channels: read, positions: [] };
  }
  const left = read / x.channels;
  if (x.positions.length === 0 || !Number.isInteger(left)) {
    throw unmatched(
      [`${layer}.weight`],
      `a layer that reads ${x.channels} channels, not ${dict.shape(`${layer}.weight`)[1]}`,
    );
  }
  const pooled = left === pixels ? x : shrinkTo(draft, layer, x, left, options);
  return { value: draft.add(`${layer}_flatten`, 'flatten', pooled.value), channels: read, positions: [] };
}

/** A pooling that leaves as many positions as the linear layer reads. */
function shrinkTo(
  draft: Draft,
  layer: string,
  x: ChainValue,
  left: number,
  { positions }: RecognizeOptions,
): ChainValue {
  const target = positionsOf(left, x.positions.length);
  const kernel = x.positions.map((n, axis) => Math.floor(n / target[axis]!));
  const fits = x.positions.every((n, axis) => kernel[axis]! >= 1 && Math.floor(n / kernel[axis]!) === target[axis]);
  if (!fits) throw unmatched([`${layer}.weight`], `a layer that ${x.positions.join(' × ')} positions can reach`);
  draft.note(
    `before '${layer}' a pooling from ${x.positions.join(' × ')} to ${target.join(' × ')} positions is assumed, for the input of ${String(positions)}`,
  );
  return { ...x, value: draft.add(`${layer}_pool`, 'max-pool', x.value, { kernel }), positions: target };
}

/** As near to a square, or a cube, as whole numbers allow: equal sizes, else all on the last axis. */
export function positionsOf(count: number, axes: number): number[] {
  const side = Math.round(count ** (1 / axes));
  if (side ** axes === count) return Array<number>(axes).fill(side);
  return [...Array<number>(axes - 1).fill(1), count];
}
