/** @file Neural functional networks: NP and HNP. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, mapValues, tf, toTensor } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { canonicalizeSigns } from '@weightspace/symmetry';

import {
  fold,
  foldAll,
  fourierFeatures,
  fourierFrequencies,
  measureScales,
  positionParameters,
  sinusoidalChannels,
  sinusoidalCodes,
} from '../../layers/encoding.ts';
import type { PositionContext } from '../../layers/encoding.ts';
import { editHead, editHeadParameters } from '../../layers/edit-head.ts';
import { equivariantLinear, equivariantLinearParameters } from '../../layers/equivariant-linear.ts';
import { splitBlocks } from '../../blocks/blocks.ts';
import { layoutOf } from '../../blocks/layout.ts';
import type { Layout, Permutable } from '../../blocks/layout.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { pool, pooledFeatures } from '../../layers/pool.ts';
import { probeFeatures, probeParameters } from '../../layers/probe-features.ts';
import { MetanetError } from '../../metanet.ts';
import type { Editor, Metanet } from '../../metanet.ts';
import type { MetanetKind } from '../../registry.ts';

export const nfnSettings = {
  /** Channels of each equivariant layer. */
  channels: [64, 64, 64] as readonly number[],
  /** Gaussian frequencies of the raw weights; the channels that go in are twice as many. */
  frequencies: 64,
  /** Deviation of the frequencies, in periods per unit of a weight; with `normalize`, per root mean square. */
  frequencyScale: 0.3,
  /** How inputs and outputs are told apart: `learned`, `sinusoidal` or `none`. */
  position: 'learned',
  /** Frequencies of `sinusoidal`. */
  bands: 6,
  /** Learned inputs on which every network is run; 0 for none. */
  probes: 0,
  /** Whether the head also sees the networks' outputs on the probes as they are. */
  probeReadout: true,
  /** What is kept apart in pooling: `hnp` keeps inputs and outputs, `np` nothing. */
  pool: 'hnp',
  /** Widths of the head's hidden layers. */
  head: [256, 256] as readonly number[],
  dropout: 0.2,
  /** Divide each parameter by its root mean square over the training networks. */
  normalize: true,
  /** Choose signs and phases of neurons by a rule, so that neither has to be learnt; of use where activations have them. */
  canonicalSigns: false,
};
export type NfnSettings = typeof nfnSettings;

const published = {
  channels: [512, 512, 512],
  frequencies: 128,
  frequencyScale: 10,
  position: 'sinusoidal',
  probes: 0,
  head: [1000, 1000],
  dropout: 0.5,
  normalize: false,
  canonicalSigns: false,
} as const satisfies Partial<NfnSettings>;

export const nfnNp: MetanetKind<NfnSettings> = {
  kind: 'nfn-np',
  family: 'NFN',
  source: 'Zhou et al. 2023, arXiv:2302.14040, eq. 5',
  symmetry:
    'invariant to permutations of hidden neurons, and with canonicalSigns to their signs and phases; its layers also commute with permutations of inputs and outputs',
  inputs: ['any network whose parameters have at most two permutable axes, of different spaces: MLPs, CNNs, ResNets'],
  takes: ['mlp', 'cnn', 'residual'],
  settings: nfnSettings,
  published: {
    settings: published,
    sizes: [2, 32, 32, 1],
    outputs: 10,
    parameterCount: 45_668_650,
    departs: 'one bias per output tensor in place of one per map: 18,432 fewer parameters',
  },
  create: (architecture, outputs, settings) => createNfn('nfn-np', 'all', architecture, outputs, settings),
  edit: (architecture, settings) => editNfn('nfn-np', 'all', architecture, settings),
};

export const nfnHnp: MetanetKind<NfnSettings> = {
  kind: 'nfn-hnp',
  family: 'NFN',
  source: 'Zhou et al. 2023, arXiv:2302.14040, appendix A',
  symmetry: 'invariant to permutations of hidden neurons, and with canonicalSigns to their signs and phases',
  inputs: ['any network whose parameters have at most two permutable axes, of different spaces: MLPs, CNNs, ResNets'],
  takes: ['mlp', 'cnn', 'residual'],
  settings: { ...nfnSettings, position: 'none' },
  published: {
    settings: { ...published, position: 'none' },
    sizes: [2, 32, 32, 1],
    outputs: 10,
    parameterCount: 68_844_330,
    departs:
      'no maps from means that are also there unpooled (15,728,640 parameters fewer), one bias per output tensor in ' +
      'place of one per map (12,288 fewer), and the map from the last hidden bias to the columns of the last weight, ' +
      'which the public code lacks (655,360 more)',
  },
  create: (architecture, outputs, settings) => createNfn('nfn-hnp', 'hidden', architecture, outputs, settings),
  edit: (architecture, settings) => editNfn('nfn-hnp', 'hidden', architecture, settings),
};

const outputSize = ({ values, spec }: Architecture): number => values.find(({ name }) => name === spec.output)!.size;

/** The equivariant layers, which classifiers and editors share. */
interface Body {
  readonly layout: Layout;
  /** Channels of the last layer. */
  readonly channels: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  readonly measure: Metanet['measure'];
  /** Features by block, and what the networks give on the probes where there are some. */
  readonly apply: (
    params: Tensors,
    fixed: Tensors,
    weights: Tensors,
  ) => { readonly features: Tensors; readonly outputs: Tensor | undefined };
}

function bodyOf(kind: string, permutable: Permutable, architecture: Architecture, settings: NfnSettings): Body {
  check(kind, settings);
  const layout = layoutOf(kind, architecture, permutable);
  const position: PositionContext = { layout, fixed: fixedSpaces(architecture) };
  const encoded = 2 * settings.frequencies;
  const first = encoded + (settings.position === 'sinusoidal' ? sinusoidalChannels(settings.bands) : 0);
  const widths = [first, ...settings.channels];
  const codes = settings.position === 'sinusoidal' ? sinusoidalCodes(position, settings.bands) : {};
  const initialize = (stream: RandomStream): NdArrays => ({
    ...(settings.position === 'learned' ? positionParameters(position, encoded, stream.split('position')) : {}),
    ...(settings.probes > 0 ? probeParameters(kind, architecture, settings.probes, first, stream.split('probe')) : {}),
    ...(Object.assign(
      {},
      ...settings.channels.map((d, i) => equivariantLinearParameters(`layer${i + 1}`, layout, widths[i]!, d, stream)),
    ) as NdArrays),
  });
  const apply = (params: Tensors, fixed: Tensors, given: Tensors) => {
    const weights = settings.canonicalSigns ? canonicalizeSigns(architecture, given) : given;
    let x: Tensors = encodeWeights(params, fixed, weights, codes, layout);
    const probed = settings.probes > 0 ? probeFeatures(params, architecture, weights) : undefined;
    if (probed) x = withProbes(x, probed.features, layout);
    settings.channels.forEach((_, i) => {
      x = mapValues(equivariantLinear(params, `layer${i + 1}`, layout, x), (value) => tf.relu(value) as Tensor);
    });
    return { features: x, outputs: probed?.outputs };
  };
  return {
    layout,
    channels: widths.at(-1)!,
    initialize,
    measure: (weights, stream) => ({
      frequencies: fourierFrequencies(settings.frequencies, settings.frequencyScale, stream.split('frequencies')),
      ...(settings.normalize ? prefixScales(measureScales(weights)) : {}),
    }),
    apply,
  };
}

const fixedSpaces = ({ spaces }: Architecture): Set<string> =>
  new Set(spaces.filter((s) => !s.free).map(({ name }) => name));

function createNfn(
  kind: string,
  permutable: Permutable,
  architecture: Architecture,
  outputs: number,
  settings: NfnSettings,
): Metanet {
  const body = bodyOf(kind, permutable, architecture, settings);
  const { layout, channels } = body;
  const fixed = fixedSpaces(architecture);
  const free = new Set([...layout.spaces.keys()].filter((space) => settings.pool === 'np' || !fixed.has(space)));
  const readout = settings.probeReadout ? settings.probes * outputSize(architecture) : 0;
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...headParameters(pooledFeatures(layout, channels, free) + readout, outputs, settings, stream),
  });
  return {
    kind,
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
    apply: (params, values, weights, noise) => {
      const { features, outputs: probed } = body.apply(params, values, weights);
      const pooled = pool(layout, features, free);
      const seen = probed && settings.probeReadout ? tf.concat([pooled, probed], 1) : pooled;
      return applyHead(params, seen, settings, noise);
    },
  };
}

function editNfn(kind: string, permutable: Permutable, architecture: Architecture, settings: NfnSettings): Editor {
  if (settings.canonicalSigns)
    throw new MetanetError(kind, 'canonicalSigns must be false in an editor: changes would be those of other signs');
  const body = bodyOf(kind, permutable, architecture, settings);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...editHeadParameters('edit', body.layout, body.channels, stream),
  });
  return {
    kind,
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: () => ({}),
    apply: (params, fixed, weights) =>
      editHead(params, 'edit', body.layout, architecture, body.apply(params, fixed, weights).features),
  };
}

/** Probe features `[B, N, C]` are added to those of their bias. */
function withProbes(x: Tensors, features: Tensors, layout: Layout): Tensors {
  const probed = layout.tensors.filter(({ name }) => features[name] !== undefined);
  return {
    ...x,
    ...Object.fromEntries(probed.map((t) => [t.name, tf.add(x[t.name]!, fold(t, features[t.name]!)) as Tensor])),
  };
}

const prefixScales = (scales: NdArrays): NdArrays =>
  Object.fromEntries(Object.entries(scales).map(([name, value]) => [`scale.${name}`, value]));

function encodeWeights(
  params: Tensors,
  fixed: Tensors,
  weights: Tensors,
  codes: NdArrays,
  layout: Layout,
): Record<string, Tensor> {
  const blocks = splitBlocks(layout.blocks, weights);
  const encoded = Object.fromEntries(
    layout.tensors.map(({ name, parameter }) => {
      const scale = fixed[`scale.${parameter}`];
      const raw = scale ? tf.div(blocks[name]!, scale) : blocks[name]!;
      const features = fourierFeatures(raw, fixed['frequencies']!);
      const learned = params[`position.${name}`];
      const placed = learned ? (tf.add(features, learned) as Tensor) : features;
      return [name, codes[name] ? withCodes(placed, codes[name]) : placed];
    }),
  );
  return foldAll(layout, encoded);
}

function withCodes(x: Tensor, code: NdArrays[string]): Tensor {
  return tf.concat([x, tf.tile(toTensor(code), [x.shape[0]!, ...code.shape.slice(1).map(() => 1)])], x.rank - 1);
}

function check(kind: string, { channels, frequencies, position, pool: pooling, dropout, probes }: NfnSettings): void {
  const whole = (value: number, least: number) => Number.isInteger(value) && value >= least;
  if (channels.length === 0 || !channels.every((c) => whole(c, 1)))
    throw new MetanetError(kind, `channels must be one or more whole numbers above 0, got [${channels.join(', ')}]`);
  if (!whole(frequencies, 1))
    throw new MetanetError(kind, `frequencies must be a whole number above 0, got ${frequencies}`);
  if (!whole(probes, 0)) throw new MetanetError(kind, `probes must be a whole number, 0 or more, got ${probes}`);
  if (!['none', 'learned', 'sinusoidal'].includes(position))
    throw new MetanetError(kind, `position must be none, learned or sinusoidal, got '${position}'`);
  if (!['hnp', 'np'].includes(pooling)) throw new MetanetError(kind, `pool must be hnp or np, got '${pooling}'`);
  if (!(dropout >= 0 && dropout < 1)) throw new MetanetError(kind, `dropout must be in [0, 1), got ${dropout}`);
}
