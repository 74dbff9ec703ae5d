/** @file What the neurons of a network do on learned inputs. */
import { activationsStacked } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { MetanetError } from '../metanet.ts';
import { constantParameter, dense, denseParameters } from './dense.ts';

/** The bias of each space of neurons that isn't the input. */
function biasesOf(architecture: Architecture): Map<string, string> {
  return new Map(architecture.parameters.filter((p) => p.kind === 'bias').map((p) => [p.axes[0]!, p.name]));
}

/** @throws {MetanetError} when the network has no biases to add the features to */
export function probeParameters(
  kind: string,
  architecture: Architecture,
  probes: number,
  channels: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const biases = biasesOf(architecture);
  if (biases.size === 0)
    throw new MetanetError(kind, 'adds probe features to biases, and this architecture has none; set probes to 0');
  const { inputs: given } = architecture.spec;
  const positions = [...given, ...architecture.values].find((value) => (value.positions ?? []).length > 0);
  if (given.length > 1 || positions !== undefined || given[0]!.indices !== undefined)
    throw new MetanetError(
      kind,
      'probe features are of networks on single vectors, and this one has positions; set probes to 0',
    );
  const inputs = given[0]!.size;
  return Object.assign(
    { probes: stream.split('probes').uniform([probes, inputs], -1, 1) },
    ...[...biases.values()].map((name) => ({
      ...denseParameters(`probe.${name}`, probes, channels, stream),
      [`probe.${name}.gain`]: constantParameter(1, [channels]),
      [`probe.${name}.shift`]: constantParameter(0, [channels]),
    })),
  ) as Record<string, NdArray<'float32'>>;
}

/**
 * Runs every input network on P learned inputs and projects each neuron's P activations.
 *
 *     feature[n] = LayerNorm(activations[n] · weight + bias)
 *
 * Letters: B batch, P probes, N neurons of a space, C channels.
 *
 * @returns `features` by bias, shape `[B, N, C]`, to be added to its features; `outputs`, what the networks give on the
 *   probes, shape `[B, P · outputs]`
 * Symmetry: equivariant to permutations of hidden neurons, and to every other symmetry of the networks on the output's.
 * Source: Kofinas et al. 2024, "Graph Neural Networks for Learning Equivariant Representations of Neural Networks",
 *   arXiv:2403.12143, section 2.1 (probe features).
 * Departs: the output neurons' features are used too.
 */
export function probeFeatures(
  params: Tensors,
  architecture: Architecture,
  weights: Tensors,
): { readonly features: Record<string, Tensor>; readonly outputs: Tensor } {
  const activations = activationsStacked(architecture, weights, params['probes']!);
  const features = Object.fromEntries(
    [...biasesOf(architecture)].map(([space, name]) => {
      const projected = dense(params, `probe.${name}`, tf.transpose(activations[space]!, [0, 2, 1]));
      return [name, layerNorm(projected, params[`probe.${name}.gain`]!, params[`probe.${name}.shift`]!)];
    }),
  );
  const last = activations[outputSpace(architecture)]!;
  return { features, outputs: tf.reshape(last, [last.shape[0]!, last.size / last.shape[0]!]) };
}

/** The space of what the network gives. */
function outputSpace({ values, spec }: Architecture): string {
  return values.find(({ name }) => name === spec.output)!.space;
}

/** Ba et al. 2016, "Layer Normalization", arXiv:1607.06450, over the last axis. */
export function layerNorm(x: Tensor, gain: Tensor, shift: Tensor): Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gain), shift);
}
