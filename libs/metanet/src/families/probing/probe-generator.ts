/** @file Where learned probes come from: free parameters, or a deep linear generator of learned codes. */
import type { InputSpec } from '@weightspace/architecture';
import { sizeOf, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { dense, denseParameters } from '../../layers/dense.ts';
import { deconvolution, deconvolutionParameters, deconvolutionStages } from './deconvolution.ts';

/** P inputs of one kind for all networks. */
export interface ProbeGenerator {
  readonly initialize: (stream: RandomStream) => NdArrays;
  /** @returns shape `[P, …positions, size]` */
  readonly probes: (params: Tensors) => Tensor;
}

const shapeOf = ({ positions = [], size }: InputSpec): readonly number[] => [...positions, size];

/** Inputs with positions are bounded, as images are; coordinates aren't. */
const bounded = ({ positions = [] }: InputSpec, x: Tensor): Tensor => (positions.length > 0 ? tf.tanh(x) : x);

/** Each probe is parameters of its own, from a normal distribution; through tanh where the input has positions. */
export function freeProbes(input: InputSpec, count: number): ProbeGenerator {
  const name = `probes.${input.name}`;
  return {
    initialize: (stream) => ({ [name]: stream.split(name).normal([count, ...shapeOf(input)]) }),
    probes: (params) => bounded(input, params[name]!),
  };
}

export interface GeneratorSettings {
  readonly probes: number;
  /** Numbers in a probe's code. */
  readonly latent: number;
  /** Linear layers of a generator of vectors. */
  readonly depth: number;
  /** Channels of a generator of images at full resolution; twice as many at each resolution below. */
  readonly width: number;
  /** Further 3 × 3 layers at half of the full resolution. */
  readonly refinements: number;
}

/**
 * Codes, one for each probe, through linear layers that all probes share, without activations between them.
 *
 * Vectors: `depth` linear layers, all but the last of `latent` neurons. Images of at least 4 × 4: transposed convolutions
 * from 1 × 1 over 4 × 4 by doublings, then tanh; what exceeds the image is cut off around it. Other positions (tokens,
 * steps, volumes): linear layers to all of them, then tanh.
 *
 * Letters: P probes.
 * Source: Kahana et al. 2024, "Deep Linear Probe Generators for Weight Space Learning", arXiv:2410.10811, section 4.
 * Departs: images of other sizes than 32 × 32, and inputs that are neither vectors nor images, which the paper doesn't
 *   treat.
 */
export function linearGenerator(input: InputSpec, settings: GeneratorSettings): ProbeGenerator {
  const { positions = [], size } = input;
  const codes = `codes.${input.name}`;
  const name = `generator.${input.name}`;
  const initialCodes = (stream: RandomStream): NdArrays => ({
    [codes]: stream.split(codes).normal([settings.probes, settings.latent]),
  });
  if (positions.length === 2 && Math.min(...positions) >= 4) {
    const stages = deconvolutionStages(positions as [number, number], size, settings);
    return {
      initialize: (stream) => ({ ...initialCodes(stream), ...deconvolutionParameters(name, stages, stream) }),
      probes: (params) => tf.tanh(deconvolution(params, name, stages, params[codes]!, positions as [number, number])),
    };
  }
  const { latent, depth } = settings;
  const widths = [...Array<number>(depth).fill(latent), sizeOf(shapeOf(input))];
  return {
    initialize: (stream) => ({
      ...initialCodes(stream),
      ...(Object.assign(
        {},
        ...widths.slice(1).map((out, i) => denseParameters(`${name}.${i + 1}`, widths[i]!, out, stream)),
      ) as NdArrays),
    }),
    probes: (params) => {
      const flat = widths.slice(1).reduce((x, _, i) => dense(params, `${name}.${i + 1}`, x), params[codes]!);
      return bounded(input, tf.reshape(flat, [settings.probes, ...shapeOf(input)]));
    },
  };
}
