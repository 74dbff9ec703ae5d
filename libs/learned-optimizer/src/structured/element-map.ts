/** @file What learned optimizers compute from features of every element of every parameter, and what they share. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { Settings } from '../kinds.ts';
import { TIME_FEATURES } from '../optimizers/features.ts';
import { perNetwork } from '../optimizers/per-network.ts';

/** Features of the elements of all parameters of N networks. Letters: N networks, C channels, P elements of a parameter. */
export interface ElementFeatures {
  /** By parameter, before they are scaled; shape `[N, C, P]`. */
  readonly values: Tensors;
  /** What they are to be multiplied by; shape `[N, C]` or `[N, 1]`; undefined where that is 1. */
  readonly scales?: Tensors;
  /** Shape `[N, 11]`; undefined where features know the time already. */
  readonly time?: Tensor;
}

/** A function of all elements' features, with meta-parameters. Pure; may be compiled. */
export interface ElementMap {
  readonly initialize: (stream: RandomStream) => NdArrays;
  /** @param meta shape `[M, …]` @returns by parameter; shape `[N, outputs, P]` */
  readonly apply: (meta: Tensors, x: ElementFeatures) => Tensors;
}

export interface MapOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly width: number;
  readonly hiddenLayers: number;
  /** Whether features come with the time. */
  readonly timed: boolean;
  /** Whether the last layer starts at 0, so that it gives nothing. */
  readonly zero: boolean;
}

/** A way to make such functions for networks of an architecture. */
export interface ElementMapFamily<S extends Settings = Settings> {
  /** The kind of optimizer, e.g. 'unf-lopt'. */
  readonly kind: string;
  readonly source: string;
  /** What it has to be set besides what all have. */
  readonly settings: S;
  /** What must agree between networks that meta-parameters can be used for; a sentence for error messages. */
  readonly bound: string;
  /** @throws {LearnedOptimizerError} on architectures that it can't take */
  readonly create: (architecture: Architecture, options: MapOptions, settings: S) => ElementMap;
}

/** Features as they are meant, by parameter; shape `[N, C, P]`. */
export const scaled = ({ values, scales }: ElementFeatures): Tensors =>
  scales ? mapValues(values, (x, name) => tf.mul(x, tf.expandDims(scales[name]!, 2)) as Tensor) : values;

/** `<name>` `[11, D]`: what functions of time add to biases; normals of deviation 1/√(inputs + 11). {} where nothing is timed. */
export function timeParameters(name: string, { inputs, timed }: MapOptions, outputs: number, stream: RandomStream) {
  if (!timed) return {};
  const deviation = 1 / Math.sqrt(inputs + TIME_FEATURES);
  return { [name]: stream.split(name).normal([TIME_FEATURES, outputs], 0, deviation) };
}

/**
 * A bias of which each network has its own, since time moves it.
 *
 * @param bias_md shape `[M, D]` @param weight_mtd shape `[M, 11, D]` @param time_nt shape `[N, 11]`; without, biases stay as they are
 * @returns shape `[N, D]`, or `[M, D]`
 */
export function biasAt(bias_md: Tensor, weight_mtd: Tensor | undefined, time_nt: Tensor | undefined): Tensor {
  if (!weight_mtd || !time_nt) return bias_md;
  const count = time_nt.shape[0]!;
  const moved = tf.matMul(tf.expandDims(time_nt, 1), perNetwork(weight_mtd, count));
  return tf.add(perNetwork(bias_md, count), tf.squeeze(moved, [1]));
}

/** All of them 0 whose names pass, as they were else. */
export const zeroed = (arrays: NdArrays, is: (name: string) => boolean): NdArrays =>
  mapValues(arrays, (array, name) =>
    is(name) ? { ...array, data: new Float32Array(array.data.length) } : array,
  ) as NdArrays;

/** Widths of the layers' inputs and outputs, from the first layer on. */
export const layerWidths = ({
  inputs,
  outputs,
  width,
  hiddenLayers,
}: MapOptions): readonly (readonly [number, number])[] => {
  const sizes = [inputs, ...Array<number>(hiddenLayers).fill(width), outputs];
  return sizes.slice(1).map((out, i) => [sizes[i]!, out] as const);
};
