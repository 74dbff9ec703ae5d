/** @file DWSNets: metanets made of layers from every parameter to every parameter. */
import type { Architecture } from '@weightspace/architecture';
import { countParameters, RandomStream, tf } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';

import { editHead, editHeadParameters } from '../../layers/edit-head.ts';
import { applyHead, headParameters } from '../../layers/mlp-head.ts';
import type { Editor, Metanet, WeightFunction } from '../../metanet.ts';
import type { MetanetKind } from '../../registry.ts';
import { bodyOf, dropoutMasks, maskName } from './body.ts';
import type { Body } from './body.ts';
import { constantQueries, poolAll } from './invariant.ts';
import { checkedDwsSettings, dwsSettings } from './settings.ts';
import type { DwsSettings } from './settings.ts';

export const dws: MetanetKind<typeof dwsSettings> = {
  kind: 'dws',
  family: 'DWSNets',
  source: 'Navon et al. 2023, arXiv:2301.12780, section 5',
  symmetry: 'invariant to permutations of hidden neurons',
  inputs: [
    'any network whose parameters have at most two hidden spaces that differ: MLPs, CNNs, ResNets; from 2 layers',
  ],
  takes: ['mlp', 'cnn', 'residual'],
  settings: dwsSettings,
  published: {
    settings: { normalize: false },
    sizes: [2, 32, 32, 1],
    outputs: 10,
    parameterCount: 552_650,
    departs: 'nothing',
  },
  create: (architecture, outputs, settings) => createDws(architecture, outputs, checkedDwsSettings('dws', settings)),
  edit: (architecture, settings) => editDws(architecture, checkedDwsSettings('dws', settings)),
};

type Shared = Pick<WeightFunction<unknown>, 'measure'> & Pick<Metanet, 'calibrate'>;

/** `measure` and `calibrate`, which classifiers and editors share. */
const sharedOf = (body: Body, { norm }: DwsSettings): Shared => ({
  measure: (weights) => body.measure(weights),
  ...(norm === 'batch'
    ? {
        calibrate: (params: Tensors, fixed: Tensors, weights: Tensors, noise: Tensors = {}) => {
          const statistics: Record<string, Tensor> = {};
          body.apply({ params, fixed, statistics }, weights, noise);
          return statistics;
        },
      }
    : {}),
});

const contextOf = (params: Tensors, fixed: Tensors, noise: Tensors | undefined) => ({
  params,
  fixed,
  statistics: noise ? {} : undefined,
});

function createDws(architecture: Architecture, outputs: number, settings: DwsSettings): Metanet {
  const body = bodyOf('dws', architecture, settings);
  const { tensors } = body;
  const last = settings.channels.at(-1)!;
  const head = { head: settings.head, dropout: 0 };
  const pooled = tensors.reduce((sum, t) => sum + t.folded * last, 0);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...constantQueries(tensors, last, settings.pool),
    ...headParameters(pooled, outputs, head, stream),
  });
  return {
    kind: 'dws',
    architecture,
    outputs,
    parameterCount: countParameters(initialize(RandomStream.fromSeed(0))),
    initialize,
    ...sharedOf(body, settings),
    noise: (batch, stream) => ({
      ...body.noise(batch, stream),
      ...dropoutMasks('last', tensors, batch, last, settings.dropout, stream),
    }),
    apply: (params, fixed, weights, noise) => {
      const features = body.apply(contextOf(params, fixed, noise), weights, noise);
      const seen = tensors.map((t) => {
        const y: Tensor = tf.relu(features[t.name]!);
        const mask = noise?.[maskName('last', t)];
        return mask ? tf.mul(y, mask) : y;
      });
      return applyHead(params, poolAll(params, tensors, seen as Tensor[], settings.pool), head);
    },
  };
}

/** The shared head on the features of the last DWS layer. */
function editDws(architecture: Architecture, settings: DwsSettings): Editor {
  const body = bodyOf('dws', architecture, settings);
  const { layout, tensors } = body;
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...editHeadParameters('edit', layout, settings.channels.at(-1)!, stream),
  });
  return {
    kind: 'dws',
    architecture,
    parameterCount: countParameters(initialize(RandomStream.fromSeed(0))),
    initialize,
    ...sharedOf(body, settings),
    noise: (batch, stream) => body.noise(batch, stream),
    apply: (params, fixed, weights, noise) => {
      const features = body.apply(contextOf(params, fixed, noise), weights, noise);
      const channelsLast = tensors.map(({ name, spaces }) => {
        const order = [0, ...spaces.map((_, axis) => axis + 2), 1];
        return [name, tf.transpose(features[name]!, order) as Tensor] as const;
      });
      return editHead(params, 'edit', layout, architecture, Object.fromEntries(channelsLast));
    },
  };
}
