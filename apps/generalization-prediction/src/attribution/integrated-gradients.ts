/** @file What a prediction rests on: a number for each weight. */
import { compile, mapValues, sizeOf, tf, valueAndGrads } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import type { Metanet } from '@weightspace/metanet';

export const methods = ['integrated-gradients', 'gradient-times-weight'] as const;
export type Method = (typeof methods)[number];

export interface Attribution {
  /** By parameter, in its shape: how much each weight adds to the metanet's output. */
  readonly weights: NdArrays;
  /** The output for the network, and for the network of zeros. */
  readonly output: number;
  readonly baseline: number;
  /** Sum of all attributions less `output` less `baseline`; 0 for exact integrated gradients. */
  readonly gap: number;
  /** Points of the path. */
  readonly steps: number;
}

export interface AttributionOptions {
  readonly method?: Method;
  /** Points of the path at the beginning; twice as many until the gap is small; 32 unless said otherwise. */
  readonly steps?: number;
  /** At most; 2,048 unless said otherwise. */
  readonly mostSteps?: number;
  /** The gap that is small, as a share of the difference of the outputs; 0.01 unless said otherwise. */
  readonly tolerance?: number;
}

/** Points that are computed together. */
const PIECE = 32;

/**
 * How much each weight adds to what a metanet gives for a network, on the straight path from the network of zeros.
 *
 *     a(w) = w · mean over t in [0, 1] of ∂f(t w) / ∂w       Σ a(w) = f(w) − f(0)
 *
 * `gradient-times-weight` takes t = 1 alone. Where the metanet is invariant to scales of weights (ScaleGMN), it is constant along
 * the path and jumps at its beginning: `gap` says so.
 *
 * @param weights of one network; shape `[1, …shape]`
 * @returns attributions of shape `[…shape]`, of the output (a logit where the loss is binary cross-entropy)
 * Symmetry: equivariant, a(P w) = P a(w), where the metanet is invariant to P: the network of zeros is the same to all.
 * Source: Sundararajan et al. 2017, arXiv:1703.01365, eq. 1 and 3. Departs: midpoints, doubled until the sum is right.
 */
export async function attribute(
  model: Metanet,
  params: NdArrays,
  fixed: NdArrays,
  weights: NdArrays,
  { method = 'integrated-gradients', steps = 32, mostSteps = 2048, tolerance = 0.01 }: AttributionOptions = {},
): Promise<Attribution> {
  const gradients = compile(
    ((p: Tensors, x: Tensors, w: Tensors) => {
      let outputs: unknown;
      const { grads } = valueAndGrads((own: Tensors) => {
        const z = model.apply(p, x, own);
        outputs = z;
        return tf.sum(z);
      }, w);
      return { outputs, grads };
    }) as never,
    { name: `${model.kind} attribution` },
  );
  const run = async (scales: readonly number[]) =>
    (await gradients(params as never, fixed as never, scaled(weights, scales) as never)) as unknown as {
      readonly outputs: NdArray;
      readonly grads: NdArrays;
    };
  try {
    const [baseline, output] = (await run([0, 1])).outputs.data as unknown as [number, number];
    const along = async (points: number) => {
      const at =
        method === 'gradient-times-weight' ? [1] : Array.from({ length: points }, (_, i) => (i + 0.5) / points);
      const sums = mapValues(weights, ({ data }) => new Float64Array(data.length));
      for (let from = 0; from < at.length; from += PIECE) addUp(sums, (await run(at.slice(from, from + PIECE))).grads);
      const found = mapValues(sums, (sum, name) => timesWeight(sum, weights[name]!, at.length));
      const total = Object.values(found).reduce((all, { data }) => all + sumOf(data), 0);
      return { weights: found, output, baseline, gap: total - (output - baseline), steps: at.length };
    };
    let result = await along(steps);
    const enough = () => Math.abs(result.gap) <= tolerance * Math.abs(output - baseline);
    while (method === 'integrated-gradients' && !enough() && result.steps * 2 <= mostSteps)
      result = await along(result.steps * 2);
    return result;
  } finally {
    await gradients.release();
  }
}

const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

/** The network times each of the scales. */
const scaled = (weights: NdArrays, scales: readonly number[]): NdArrays =>
  mapValues(weights, ({ data, shape }): NdArray => {
    const size = data.length;
    const all = new Float32Array(size * scales.length);
    scales.forEach((t, i) => {
      for (let j = 0; j < size; j++) all[i * size + j] = t * data[j]!;
    });
    return { dtype: 'float32', shape: [scales.length, ...shape.slice(1)], data: all };
  });

function addUp(sums: { readonly [name: string]: Float64Array }, grads: NdArrays): void {
  for (const [name, sum] of Object.entries(sums)) {
    const { data } = grads[name]!;
    for (let i = 0; i < data.length; i++) sum[i % sum.length]! += data[i]!;
  }
}

const timesWeight = (sum: Float64Array, { data, shape }: NdArray, count: number): NdArray => ({
  dtype: 'float32',
  shape: shape.slice(1),
  data: Float32Array.from(sum, (g, i) => (g / count) * data[i]!),
});

/** Sums over a layer's parameters, and over all that writes each of its neurons. */
export interface LayerImportance {
  readonly layer: string;
  /** Sum of attributions, and of their magnitudes. */
  readonly sum: number;
  readonly magnitude: number;
  /** By row of the layer's parameters: neuron or channel; the same two sums. */
  readonly neurons: readonly { readonly sum: number; readonly magnitude: number }[];
}

/** @param weights attributions of shape `[…shape]` */
export function importanceOf({ architecture }: Metanet, weights: NdArrays): LayerImportance[] {
  const layers = [...new Set(architecture.parameters.map(({ layer }) => layer))];
  return layers.map((layer) => {
    const own = architecture.parameters.filter((parameter) => parameter.layer === layer);
    const rows = Math.max(...own.map(({ shape }) => shape[0] ?? 1));
    const neurons = Array.from({ length: rows }, () => ({ sum: 0, magnitude: 0 }));
    for (const { name, shape } of own) {
      const size = sizeOf(shape) / (shape[0] ?? 1);
      weights[name]!.data.forEach((a: number, i: number) => {
        const neuron = neurons[Math.floor(i / size)]!;
        neuron.sum += a;
        neuron.magnitude += Math.abs(a);
      });
    }
    const total = (key: 'sum' | 'magnitude') => neurons.reduce((all, neuron) => all + neuron[key], 0);
    return { layer, sum: total('sum'), magnitude: total('magnitude'), neurons };
  });
}
