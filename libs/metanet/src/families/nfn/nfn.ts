/** @file Neural functional networks: NP and HNP. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, tf, withPrefix } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';

import type { Permutable } from '../../blocks/layout.ts';
import { editHead, editHeadParameters } from '../../layers/edit-head.ts';
import type { EditLayer } from '../../layers/edit-head.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { pool, pooledFeatures } from '../../layers/pool.ts';
import { measureColumns } from '../../layers/standardize.ts';
import { MetanetError } from '../../metanet.ts';
import type { Editor, Metanet } from '../../metanet.ts';
import type { MetanetKind } from '../../registry.ts';
import { measureStatistics, STATISTICS, weightStatistics } from '../baselines/weight-statistics.ts';
import { bodyOf, fixedSpaces } from './body.ts';
import { nfnSettings } from './settings.ts';
import type { NfnSettings } from './settings.ts';

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

/** The settings of the published editors of pictures, which have 4,133,656 parameters with NP on SIRENs 2-32-32-1. */
export const nfnEditing = {
  channels: [128, 128, 128],
  frequencies: 128,
  frequencyScale: 3,
  position: 'sinusoidal',
  bands: 3,
  normalize: false,
  editLayer: 'equivariant',
} as const satisfies Partial<NfnSettings>;

const outputSize = ({ values, spec }: Architecture): number => values.find(({ name }) => name === spec.output)!.size;

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
  const names = settings.statistics ? architecture.parameters.map(({ name }) => name) : [];
  const more = (settings.probeReadout ? settings.probes * outputSize(architecture) : 0) + STATISTICS * names.length;
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...headParameters(pooledFeatures(layout, channels, free) + more, outputs, settings, stream),
  });
  return {
    kind,
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: (weights, stream) => ({
      ...body.measure(weights, stream),
      ...(settings.statistics ? withPrefix('statistics.', measureColumns(measureStatistics(weights, names))) : {}),
    }),
    noise: (batch, stream) => ({
      ...body.noise(batch, stream.split('layers')),
      ...headNoise(batch, settings, stream.split('head')),
    }),
    apply: (params, values, given, noise) => {
      const { features, outputs: probed, weights } = body.apply(params, values, given, noise);
      const seen = [pool(layout, features, free)];
      if (probed && settings.probeReadout) seen.push(probed);
      if (settings.statistics) {
        const centred = tf.sub(weightStatistics(weights, names), values['statistics.mean']!);
        seen.push(tf.div(centred, values['statistics.deviation']!));
      }
      return applyHead(params, seen.length === 1 ? seen[0]! : tf.concat(seen, 1), settings, noise);
    },
  };
}

function editNfn(kind: string, permutable: Permutable, architecture: Architecture, settings: NfnSettings): Editor {
  if (settings.canonicalSigns)
    throw new MetanetError(kind, 'canonicalSigns must be false in an editor: changes would be those of other signs');
  const body = bodyOf(kind, permutable, architecture, settings);
  const layer = settings.editLayer as EditLayer;
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...editHeadParameters('edit', body.layout, body.channels, stream, layer),
  });
  return {
    kind,
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: (batch, stream) => body.noise(batch, stream.split('layers')),
    apply: (params, fixed, weights, noise) => {
      const { features } = body.apply(params, fixed, weights, noise);
      return editHead(params, 'edit', body.layout, architecture, features, layer);
    },
  };
}
