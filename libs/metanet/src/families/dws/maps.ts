/** @file Perceptrons from one source to several targets: their first layers are one product. */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

export type Parameters = Record<string, NdArray<'float32'>>;

/** Maps of one source. Channels are the second axis, so weights are `[out, in]`. */
export interface Maps {
  readonly name: string;
  readonly inputs: number;
  /** Channels of each target. */
  readonly widths: readonly number[];
  /** Linear layers of each map, with ReLU between. */
  readonly layers: number;
  readonly bias: boolean;
}

/** Biases start within ±this. */
export const BIAS = 1e-4;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Deviation of a weight: Xavier's, times √(2·in/out). */
export const weightDeviation = (inputs: number, outputs: number, scale: number): number =>
  scale * Math.sqrt((2 / (inputs + outputs)) * ((2 * inputs) / outputs));

/**
 * `<name>.weight` `[Σ widths, inputs]` and `<name>.bias`; of deeper layers, for each target, `<name>.<layer>.<target>.weight`
 * and `.bias`. The start of each map follows from its own width, as if it stood alone.
 */
export function mapsParameters(
  { name, inputs, widths, layers, bias }: Maps,
  scale: number,
  stream: RandomStream,
): Parameters {
  const own = stream.split(name);
  const matrix = (label: string, rows: readonly number[], columns: number): Parameters => ({
    [`${label}.weight`]: rowBlocks(rows, columns, scale, own.split(`${label}.weight`)),
    ...(bias ? { [`${label}.bias`]: own.split(`${label}.bias`).uniform([sum(rows)], -BIAS, BIAS) } : {}),
  });
  const deeper = Array.from({ length: layers - 1 }, (_, i) =>
    widths.map((width, target) => matrix(`${name}.${i + 1}.${target}`, [width], width)),
  );
  return Object.assign(matrix(name, widths, inputs), ...deeper.flat()) as Parameters;
}

/** A matrix whose rows belong to several targets, each drawn with that target's deviation. */
export function rowBlocks(
  widths: readonly number[],
  inputs: number,
  scale: number,
  stream: RandomStream,
): NdArray<'float32'> {
  const { data } = stream.normal([sum(widths), inputs]);
  let from = 0;
  for (const width of widths) {
    const deviation = weightDeviation(inputs, width, scale);
    for (let i = from; i < from + width * inputs; i++) data[i]! *= deviation;
    from += width * inputs;
  }
  return ndarray(data, [sum(widths), inputs]);
}

/**
 * @param x shape `[B, inputs]` or `[B, inputs, N]`
 * @param factor what every result is multiplied by
 * @returns for each target; shape `[B, width]` or `[B, width, N]`
 */
export function applyMaps(params: Tensors, { name, widths, layers }: Maps, x: Tensor, factor = 1): Tensor[] {
  let parts = parted(linear(params, name, x, layers === 1 ? factor : 1), widths);
  for (let i = 1; i < layers; i++) {
    const last = i === layers - 1;
    parts = parts.map((part, t) => linear(params, `${name}.${i}.${t}`, tf.relu(part), last ? factor : 1));
  }
  return parts;
}

/**
 * The one map of `maps` without its last bias, and that bias: where the result is large, it is added to something smaller.
 *
 * @returns shapes `[B, width, N]` and `[width]`
 */
export function applyMapApart(
  params: Tensors,
  { name, layers }: Maps,
  x: Tensor,
  factor: number,
): readonly [product: Tensor, bias: Tensor] {
  const nameOf = (i: number) => (i === 0 ? name : `${name}.${i}.0`);
  let y = x;
  for (let i = 0; i < layers - 1; i++) y = tf.relu(linear(params, nameOf(i), y, 1));
  const last = nameOf(layers - 1);
  return [tf.matMul(times(params[`${last}.weight`]!, factor), y), times(params[`${last}.bias`]!, factor)];
}

const times = (value: Tensor, factor: number): Tensor => (factor === 1 ? value : tf.mul(value, factor));

/** Scaled in the weights, which are small. */
function linear(params: Tensors, name: string, x: Tensor, factor: number): Tensor {
  const weight = times(params[`${name}.weight`]!, factor);
  const given = params[`${name}.bias`];
  const bias = given && times(given, factor);
  if (x.rank === 3) return bias ? affine(weight, bias, x) : tf.matMul(weight, x);
  const product: Tensor = tf.matMul(x, weight, false, true);
  return bias ? tf.add(product, bias) : product;
}

/**
 * W x + b. The bias is one more column of the weights, and x has one more channel of ones: no pass over the result.
 *
 * @param weight shape `[D, C]` @param bias shape `[D]` @param x shape `[B, C, N]`
 * @returns shape `[B, D, N]`
 */
export function affine(weight: Tensor, bias: Tensor, x: Tensor): Tensor {
  const run = tf.customGrad((...given) => {
    const [w, b, a, save] = given as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const [batch, , members] = a.shape as [number, number, number];
    const columns = tf.concat([w, tf.reshape(b, [b.size, 1])], 1);
    const value = tf.matMul(columns, tf.concat([a, tf.ones([batch, 1, members])], 1)) as Tensor;
    save([w, a]);
    return { value, gradFunc: (dy, saved) => affineGradients(dy, saved as Tensor[]) as never };
  });
  return run(weight, bias, x) as Tensor;
}

const affineGradients = (dy: Tensor, [weight, x]: readonly Tensor[]): Tensor[] => [
  tf.sum(tf.matMul(dy, x!, false, true), 0),
  tf.sum(dy, [0, 2]),
  tf.matMul(weight!, dy, true, false),
];

/** Parts of the second axis. */
export const parted = (x: Tensor, widths: readonly number[]): Tensor[] =>
  widths.length === 1 ? [x] : tf.split(x, [...widths], 1);
