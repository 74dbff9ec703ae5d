/** @file Metanets that never look at weights: they run the networks on learned inputs. */
import { forwardStacked } from '@weightspace/architecture';
import type { Architecture, InputSpec } from '@weightspace/architecture';
import { countDrawn, sizeOf, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import type { HeadSettings } from '../../layers/mlp-head.ts';
import { MetanetError } from '../../metanet.ts';
import type { Metanet } from '../../metanet.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { freeProbes, linearGenerator } from './probe-generator.ts';
import type { GeneratorSettings, ProbeGenerator } from './probe-generator.ts';

const head = { head: [256, 256, 256, 256, 256] as readonly number[], dropout: 0 };
export const probesSettings = { probes: 128, ...head };
export type ProbesSettings = typeof probesSettings;

export const probeGenSettings = {
  probes: 128,
  /** Numbers in a probe's code. */
  latent: 32,
  /** Linear layers of the generator of vectors. */
  depth: 2,
  /** Channels of the generator of images at full resolution. */
  width: 16,
  /** Its further 3 × 3 layers; 1 in the paper for CIFAR-10-GS, 0 for the CNN Wild Park. */
  refinements: 0,
  ...head,
};
export type ProbeGenSettings = typeof probeGenSettings;

const common = {
  family: 'probing',
  symmetry: 'invariant to everything that leaves the networks’ functions as they are',
  inputs: ['any network whose inputs are numbers: coordinates, images, sequences of vectors; no words'],
  takes: inputFamilies,
};
const publishedOn = { sizes: [2, 32, 32, 1], outputs: 10 };

/** Probes that are parameters, and a perceptron on what the networks give on them. */
export const probes: MetanetKind<ProbesSettings> = {
  ...common,
  kind: 'probes',
  source: 'vanilla probing of Kahana et al. 2024, arXiv:2410.10811, section 3',
  settings: probesSettings,
  published: { ...publishedOn, settings: {}, parameterCount: 299_018, departs: 'nothing' },
  create: (architecture, outputs, settings) =>
    createProbing('probes', architecture, outputs, settings, (input) => freeProbes(input, settings.probes)),
};

/** ProbeGen: probes from a deep linear generator that all share, and a perceptron on what the networks give on them. */
export const probeGen: MetanetKind<ProbeGenSettings> = {
  ...common,
  kind: 'probe-gen',
  source: 'Kahana et al. 2024, arXiv:2410.10811, section 4',
  settings: probeGenSettings,
  published: { ...publishedOn, settings: {}, parameterCount: 303_980, departs: 'nothing' },
  create: (architecture, outputs, settings) => {
    checkGenerator('probe-gen', settings);
    return createProbing('probe-gen', architecture, outputs, settings, (input) => linearGenerator(input, settings));
  },
};

/**
 * What both kinds are made of: one forward pass of all networks on all probes.
 *
 *     y[b] = MLP(f_b(probe 1), …, f_b(probe P))
 *
 * Letters: B networks, P probes.
 * Symmetry: invariant to every change of parameters that leaves the function as it is.
 */
function createProbing(
  kind: string,
  architecture: Architecture,
  outputs: number,
  settings: HeadSettings & { readonly probes: number },
  generatorOf: (input: InputSpec) => ProbeGenerator,
): Metanet {
  const { spec, values } = architecture;
  checkProbes(kind, architecture, settings.probes);
  const generators = new Map(spec.inputs.map((input) => [input.name, generatorOf(input)]));
  const { positions, size } = values.find(({ name }) => name === spec.output)!;
  const given = settings.probes * sizeOf([...positions, size]);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...(Object.assign({}, ...[...generators.values()].map((own) => own.initialize(stream))) as NdArrays),
    ...headParameters(given, outputs, settings, stream),
  });
  const apply = (params: Tensors, _fixed: Tensors, weights: Tensors, noise?: Tensors): Tensor => {
    const inputs = Object.fromEntries([...generators].map(([name, own]) => [name, own.probes(params)]));
    const y = forwardStacked(architecture, weights, inputs);
    return applyHead(params, tf.reshape(y, [y.shape[0]!, given]), settings, noise);
  };
  return {
    kind,
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: () => ({}),
    noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
    apply,
  };
}

function checkProbes(kind: string, { spec }: Architecture, count: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw new MetanetError(kind, `probes must be a whole number above 0, got ${count}`);
  const words = spec.inputs.find(({ indices }) => indices !== undefined);
  if (!words) return;
  const problem = `takes networks whose inputs can be learned, got '${words.name}' with ${words.indices} words`;
  throw new MetanetError(kind, `${problem}; metanets that read weights take it`);
}

function checkGenerator(kind: string, settings: GeneratorSettings): void {
  const least = { latent: 1, depth: 1, width: 1, refinements: 0 };
  for (const [name, low] of Object.entries(least)) {
    const value = settings[name as keyof typeof least];
    if (Number.isInteger(value) && value >= low) continue;
    throw new MetanetError(kind, `${name} must be a whole number, ${low} or more, got ${value}`);
  }
}
