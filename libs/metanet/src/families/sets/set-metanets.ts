/** @file Set models on hidden neurons: Deep Sets and the Set Transformer. */
import type { Architecture } from '@weightspace/architecture';
import { countParameters, mapValues, RandomStream, tf, withPrefix } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';

import { fourierFrequencies, measureScales } from '../../layers/encoding.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { isab, isabParameters, pma, pmaParameters, sab, sabParameters } from '../../layers/sets/attention-blocks.ts';
import { deepSetsLayer, deepSetsParameters } from '../../layers/sets/deep-sets-layer.ts';
import { poolSet, setPools } from '../../layers/sets/pool-set.ts';
import type { SetPool } from '../../layers/sets/pool-set.ts';
import { MetanetError } from '../../metanet.ts';
import type { Metanet } from '../../metanet.ts';
import type { MetanetKind } from '../../registry.ts';
import { neuronTokens, tokenParameters, tokenPlan } from './neuron-tokens.ts';

const shared = {
  /** Channels of a token. */
  width: 64,
  /** Layers on the set of tokens. */
  layers: 2,
  /** Fourier frequencies of a weight; the channels are twice as many. */
  frequencies: 16,
  /** Deviation of the frequencies, in periods per root mean square. */
  frequencyScale: 0.3,
  /** Widths of the head's hidden layers. */
  head: [256] as readonly number[],
  /** Of the head. */
  dropout: 0.2,
};

export const deepSetsSettings = {
  ...shared,
  width: 128,
  /** Inside the layers and at the end: `max`, `mean`, `sum` or `attention`. */
  pool: 'mean' as string,
};
export const setTransformerSettings = {
  ...shared,
  heads: 4,
  /** Layer norm in the blocks. */
  norm: true,
  /** Points of each ISAB, which make the cost linear in the number of neurons; 0 for SAB. */
  inducing: 0,
  /** Vectors that the pooling by attention gives. */
  seeds: 1,
};

const inputs = ['any network with hidden neurons: each is a token made of the weights into and out of it'];
const takes = ['mlp', 'cnn', 'residual', 'attention', 'recurrent'] as const;
const symmetry = 'invariant to permutations of hidden neurons, heads, and channels within each head';

export const deepSets: MetanetKind<typeof deepSetsSettings> = {
  kind: 'deep-sets',
  family: 'sets',
  source: 'Zaheer et al. 2017, arXiv:1703.06114, eq. 4',
  symmetry,
  inputs,
  takes,
  settings: deepSetsSettings,
  create: (architecture, outputs, settings) => {
    check('deep-sets', settings, 1);
    const pool = setPools.find((known) => known === settings.pool);
    if (!pool)
      throw new MetanetError('deep-sets', `pool must be one of ${setPools.join(', ')}, got '${settings.pool}'`);
    return setMetanet(
      'deep-sets',
      architecture,
      outputs,
      settings,
      deepSetsModel(settings.layers, settings.width, pool),
    );
  },
};

export const setTransformer: MetanetKind<typeof setTransformerSettings> = {
  kind: 'set-transformer',
  family: 'sets',
  source: 'Lee et al. 2019, arXiv:1810.00825, eq. 8 to 13',
  symmetry,
  inputs,
  takes,
  settings: setTransformerSettings,
  create: (architecture, outputs, settings) => {
    check('set-transformer', settings, settings.heads);
    const whole = (name: 'inducing' | 'seeds', least: number) => {
      if (!Number.isInteger(settings[name]) || settings[name] < least)
        throw new MetanetError(
          'set-transformer',
          `${name} must be a whole number, ${least} or more, got ${settings[name]}`,
        );
    };
    whole('inducing', 0);
    whole('seeds', 1);
    return setMetanet('set-transformer', architecture, outputs, settings, setTransformerModel(settings));
  },
};

/** A model of sets: `[B, N, width]` to `[B, features]`. */
interface SetModel {
  readonly features: number;
  readonly parameters: (stream: RandomStream) => NdArrays;
  readonly apply: (params: Tensors, set: Tensor) => Tensor;
}

const names = (layers: number): string[] => Array.from({ length: layers }, (_, i) => `layer${i + 1}`);

/** ReLU of tokens and of each layer, then POOL. */
const deepSetsModel = (layers: number, width: number, pool: SetPool): SetModel => ({
  features: width,
  parameters: (stream) => ({
    ...(Object.assign(
      {},
      ...names(layers).map((name) => deepSetsParameters(name, width, width, pool, stream)),
    ) as NdArrays),
    ...(pool === 'attention' ? { 'pool.query': stream.split('pool').normal([width], 0, 1 / Math.sqrt(width)) } : {}),
  }),
  apply: (params, set) => {
    const first: Tensor = tf.relu(set);
    const last = names(layers).reduce<Tensor>((x, name) => tf.relu(deepSetsLayer(params, name, x, pool)), first);
    return tf.reshape(poolSet(pool, last, 1, 2, params['pool.query']), [set.shape[0]!, width]);
  },
});

/** Set attention blocks, then pooling by attention and a block among its seeds. */
function setTransformerModel(settings: typeof setTransformerSettings): SetModel {
  const { width, layers, inducing, seeds } = settings;
  return {
    features: seeds * width,
    parameters: (stream) =>
      Object.assign(
        {},
        ...names(layers).map((name) =>
          inducing > 0
            ? isabParameters(name, [width, width, inducing], settings, stream)
            : sabParameters(name, width, width, settings, stream),
        ),
        pmaParameters('pool', [width, seeds], settings, stream),
        // One seed has nobody to attend to but itself.
        seeds > 1 ? sabParameters('decoder', width, width, settings, stream) : {},
      ) as NdArrays,
    apply: (params, set) => {
      const block = inducing > 0 ? isab : sab;
      const encoded = names(layers).reduce<Tensor>((x, name) => block(params, name, x, settings), set);
      const pooled = pma(params, 'pool', encoded, settings);
      const decoded = seeds > 1 ? sab(params, 'decoder', pooled, settings) : pooled;
      return tf.reshape(decoded, [set.shape[0]!, seeds * width]);
    },
  };
}

function setMetanet(
  kind: string,
  architecture: Architecture,
  outputs: number,
  settings: typeof shared,
  model: SetModel,
): Metanet {
  const { width, frequencies, frequencyScale } = settings;
  const plan = tokenPlan(architecture);
  if (plan.views.size === 0)
    throw new MetanetError(kind, 'takes networks with hidden neurons, got one without; flat-mlp takes it');
  const seen = model.features + (plan.rest.length > 0 ? width : 0);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...tokenParameters('token', plan, frequencies, width, stream),
    ...model.parameters(stream),
    ...headParameters(seen, outputs, settings, stream),
  });
  return {
    kind,
    architecture,
    outputs,
    parameterCount: countParameters(initialize(RandomStream.fromSeed(0))),
    initialize,
    measure: (weights, stream) => ({
      frequencies: fourierFrequencies(frequencies, frequencyScale, stream.split('frequencies')),
      ...withPrefix('scale.', measureScales(weights)),
    }),
    noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
    apply: (params, fixed, weights, noise) => {
      const scaled = mapValues(weights, (w, name): Tensor => tf.div(w, fixed[`scale.${name}`]!));
      const { set, rest } = neuronTokens(params, 'token', plan, scaled, fixed['frequencies']!);
      const whole = model.apply(params, set);
      return applyHead(params, rest ? tf.concat([whole, tf.relu(rest)], 1) : whole, settings, noise);
    },
  };
}

function check(kind: string, { width, layers, frequencies, dropout }: typeof shared, heads: number): void {
  const must = (name: string, expected: string, got: number) =>
    new MetanetError(kind, `${name} must be ${expected}, got ${got}`);
  for (const [name, value] of Object.entries({ width, layers, frequencies, heads })) {
    if (!Number.isInteger(value) || value < 1) throw must(name, 'a whole number above 0', value);
  }
  if (width % heads !== 0) throw must('heads', `a divisor of width, ${width}`, heads);
  if (!(dropout >= 0 && dropout < 1)) throw must('dropout', 'in [0, 1)', dropout);
}
