/** @file The experiment: what do embeddings of SIRENs hold that were learnt without labels? */
import { augmentationsOf } from '@weightspace/augmentation';
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import { createMetanet, metanetKinds } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

import { drawResults } from './results.ts';
import { trainEmbedding } from './train-embedding.ts';
import type { EmbeddingResult, EmbeddingSettings } from './train-embedding.ts';
import { loadEmbeddingData } from './zoo-data.ts';
import type { EmbeddingData } from './zoo-data.ts';

/** Baselines: kinds with their settings. */
const baselines: { readonly [kind: string]: Settings } = {
  'flat-mlp': { head: [256, 256], dropout: 0 },
  'stat-nn': { head: [256, 256], dropout: 0 },
};

const training = {
  epochs: 60,
  batch: 100,
  rate: 1e-3,
  warmUp: 0.1,
  temperature: 0.1,
  weightDecay: 5e-4,
  clip: 1,
  views: 'refits' as string,
};

const config = {
  /** Folder or file of the zoo. */
  zoo: 'data/sine-waves/sample',
  /** How many of its training networks to use; all when 0. */
  trainSize: 0,
  /** Numbers of an embedding. */
  width: 16,
  model: { kind: 'nfn-np' },
  augmentation: ['sign'],
  training,
  baselines: Object.keys(baselines),
} as const;

const small = { kind: 'nfn-np', channels: [32, 32], frequencies: 32, probes: 32, head: [64], dropout: 0 };

export const inrEmbedding = defineExperiment({
  name: 'inr-embedding',
  claim:
    'Embeddings that a metanet learns by telling networks apart, without labels, hold what they compute: amplitude and ' +
    'frequency of a sine wave are read from nearest neighbours and by a linear map; refuted when that is no better than ' +
    'from a flat MLP, or from the same metanet before training.',
  config: {
    ...config,
    augmentation: config.augmentation as readonly string[],
    baselines: config.baselines as readonly string[],
  },
  configurations: {
    quick: { model: small },
    images: {
      zoo: 'data/mnist-siren/sample',
      model: small,
      augmentation: ['sign', 'noise:0.1', 'translation', 'rotation', 'scaling', 'shear'],
      training: { ...training, views: 'augmented' },
    },
    full: {
      zoo: 'zoos/sine-waves-2500',
      model: { ...small, channels: [64, 64, 64] },
      training: { ...training, epochs: 200 },
    },
  },
  variants: { 'model.kind': Object.fromEntries(metanetKinds().map(({ kind, settings }) => [kind, settings])) },
  rules: {
    trainSize: { integer: true, min: 0 },
    width: { integer: true, min: 2 },
    'training.epochs': { integer: true, min: 1 },
    'training.batch': { integer: true, min: 2 },
    'training.rate': { min: 0 },
    'training.warmUp': { min: 0, max: 1 },
    'training.temperature': { min: 1e-6 },
    'training.weightDecay': { min: 0 },
    'training.clip': { min: 0 },
  },
  check: (settings: {
    readonly augmentation: readonly string[];
    readonly baselines: readonly string[];
    readonly training: { readonly views: string };
  }) => {
    const unknown = settings.baselines.find((name) => !Object.hasOwn(baselines, name));
    if (unknown !== undefined) return `baselines: must be of ${Object.keys(baselines).join(', ')}, got '${unknown}'`;
    const { views } = settings.training;
    if (!['augmented', 'refits'].includes(views)) return `training.views: must be augmented or refits, got '${views}'`;
    if (settings.augmentation.length === 0 && views === 'augmented')
      return 'augmentation: must not be empty: two equal views teach nothing';
    try {
      augmentationsOf(settings.augmentation);
      return undefined;
    } catch (error) {
      return `augmentation: ${(error as Error).message}`;
    }
  },
  descriptions: {
    zoo: 'folder or file of the zoo',
    trainSize: 'training networks to use; 0 for all',
    width: 'numbers of an embedding',
    'model.kind': 'which metanet; its own settings follow it',
    augmentation: 'what is done to each view; name or name:strength',
    'training.views':
      'second views: augmented (of the same network) or refits (of another one that was fitted to the same)',
    baselines: `models to compare with: ${Object.keys(baselines).join(', ')}`,
  },
  run,
});

type Resolved = typeof config & { readonly model: { readonly kind: string } & Settings };

async function run(context: RunContext) {
  const settings = context.config as unknown as Resolved;
  const data = await loadEmbeddingData(settings.zoo, settings.trainSize);
  context.say(
    `zoo ${settings.zoo}: ${data.train.length} networks for training, ${data.test.length} for testing; probes for ${Object.keys(data.targets).join(', ')}`,
  );
  const { kind, ...own } = settings.model;
  const model = await trainOne(context, data, kind, own as Settings, true);
  const compared: Record<string, EmbeddingResult['metrics']> = {};
  for (const name of settings.baselines)
    compared[name] = (await trainOne(context, data, name, baselines[name]!, false)).json.metrics;
  await drawResults(context, data, model.json, model.arrays['test']!, context.stream.split('map'));
  return { metrics: model.json.metrics, baselines: compared };
}

/** One model as a stage of the run, so that a resumed run has it done when it was. */
async function trainOne(context: RunContext, data: EmbeddingData, kind: string, own: Settings, isMain: boolean) {
  const settings = context.config as unknown as Resolved;
  const model = createMetanet(kind, data.architecture, settings.width, own);
  const name = isMain ? 'model' : kind;
  const prefix = isMain ? '' : `${name}/`;
  const result = await context.stage<EmbeddingResult>(name, (stage) => {
    context.say(`${name}: ${kind}, ${model.parameterCount.toLocaleString('en')} parameters`);
    const hooks = {
      log: (metrics: { readonly [metric: string]: number }, step: number) =>
        context.logMetrics(Object.fromEntries(Object.entries(metrics).map(([m, v]) => [prefix + m, v])), step),
      progress: (total: number, done: number) => context.progress({ label: `train ${name}`, total, done }),
    };
    const training: EmbeddingSettings = settings.training;
    const augmentation = augmentationsOf(settings.augmentation);
    return trainEmbedding(stage, model, augmentation, data, training, context.stream.split(name), hooks);
  });
  const shown = Object.entries(result.json.metrics).filter(([metric]) => metric.startsWith('test/'));
  context.say(`${name}: ${shown.map(([metric, v]) => `${metric} ${v.toPrecision(3)}`).join(', ')}`);
  return result;
}
