/** @file The experiment: SIRENs as arrays that draw the same, and the digit read from the arrays. */
import { withoutPrefix, withPrefix } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import { inr2Array, inr2ArraySettings, latentTransformer, latentTransformerSettings } from '@weightspace/metanet';
import type { Inr2Array, Inr2ArraySettings, LatentTransformerSettings } from '@weightspace/metanet';

import { makeAugmentation } from '../models.ts';
import { loadZooData } from '../zoo-data.ts';
import type { ZooData } from '../zoo-data.ts';
import { arraysOf, picturesOf, trainAutoencoder } from './autoencoder.ts';
import type { ReconstructionSettings, StageNumbers, Trained } from './autoencoder.ts';
import { trainLatentClassifier } from './latent-classifier.ts';
import type { LatentData, LatentTrainingSettings } from './latent-classifier.ts';
import { drawResults, SHOWN } from './results.ts';

const config = {
  /** Folder or file of the zoo. */
  zoo: 'data/mnist-siren/sample',
  /** How many of its training networks to use; all when 0. */
  trainSize: 0,
  augmentation: ['translation', 'rotation', 'scaling', 'shear'] as readonly string[],
  /** The autoencoder. */
  model: { ...inr2ArraySettings, canonicalSigns: true },
  reconstruction: { epochs: 12, batch: 32, rate: 2e-3, warmUp: 0.1, weightDecay: 0.01, clip: 1, evaluateEvery: 4 },
  /** Augmented copies of each training network whose arrays the classifier sees beside that of the network itself. */
  copies: 4,
  classifier: latentTransformerSettings,
  classification: {
    epochs: 8,
    batch: 64,
    rate: 1e-3,
    warmUp: 0.1,
    weightDecay: 0.1,
    clip: 1,
    mixup: false,
    evaluateEvery: 2,
  },
} as const;

const positive = { integer: true, min: 1 } as const;
const loopRules = (group: string) => ({
  [`${group}.epochs`]: positive,
  [`${group}.batch`]: positive,
  [`${group}.evaluateEvery`]: positive,
  [`${group}.rate`]: { min: 0 },
  [`${group}.warmUp`]: { min: 0, max: 1 },
  [`${group}.weightDecay`]: { min: 0 },
  [`${group}.clip`]: { min: 0 },
});

export const inr2ArrayExperiment = defineExperiment({
  name: 'inr2array',
  claim:
    'A SIREN becomes an array from which SIRENs are decoded that draw nearly the same picture, and the array says the digit ' +
    'far better than chance; refuted when the error of the picture stays above half of that of the mean picture.',
  config,
  configurations: {
    quick: {},
    full: {
      zoo: 'zoos/mnist-siren-dws-10000',
      model: { blocks: 3, frequencies: 64, width: 128, hidden: 128 },
      reconstruction: { ...config.reconstruction, epochs: 40 },
      classifier: { ...latentTransformerSettings, blocks: 4, width: 128 },
      classification: { ...config.classification, epochs: 30 },
    },
  },
  rules: {
    trainSize: { integer: true, min: 0 },
    copies: { integer: true, min: 0 },
    'model.decoder': ['each', 'shared'],
    ...loopRules('reconstruction'),
    ...loopRules('classification'),
  },
  check: ({ augmentation }: { readonly augmentation: readonly string[] }) => {
    try {
      makeAugmentation(augmentation);
      return undefined;
    } catch (error) {
      return `augmentation: ${(error as Error).message}`;
    }
  },
  descriptions: {
    zoo: 'folder or file of the zoo',
    trainSize: 'training networks to use; 0 for all',
    augmentation: 'of the networks, in both stages; one after another',
    copies: "augmented copies of each training network in the classifier's training",
    'model.decoder': 'a perceptron for each parameter, or one whose outputs are added to learned parameters',
    'classification.mixup': 'mix arrays and labels of two networks',
  },
  run,
});

interface Resolved {
  readonly zoo: string;
  readonly trainSize: number;
  readonly augmentation: readonly string[];
  readonly copies: number;
  readonly model: Inr2ArraySettings;
  readonly reconstruction: ReconstructionSettings;
  readonly classifier: LatentTransformerSettings;
  readonly classification: LatentTrainingSettings;
}

async function run(context: RunContext) {
  const settings = context.config as unknown as Resolved;
  const data = await loadZooData(settings.zoo, settings.trainSize);
  context.say(`zoo ${settings.zoo}: ${data.train.length} networks for training, ${data.test.length} for testing`);
  const model = inr2Array(data.architecture, settings.model);
  const reconstruction = await reconstruct(context, data, model, settings);
  const latents = await encode(context, data, model, reconstruction.trained, settings);
  const classification = await classify(context, data, model, latents, settings);
  const pictures = await picturesOf(model, data, reconstruction.trained, data.test.slice(0, SHOWN));
  await drawResults(context, data, reconstruction.json, classification, pictures);
  return { metrics: { ...reconstruction.json.metrics, ...classification.metrics } };
}

const grouped = (groups: { readonly [group: string]: NdArrays }): NdArrays =>
  Object.fromEntries(
    Object.entries(groups).flatMap(([group, arrays]) =>
      Object.entries(arrays).map(([name, array]) => [`${group}/${name}`, array] as const),
    ),
  );

/** What both stages are given to report by. */
const hooksOf = (context: RunContext, name: string) => ({
  log: (metrics: { readonly [metric: string]: number }, step: number) =>
    context.logMetrics(withPrefix(`${name}/`, metrics), step),
  progress: (total: number, done: number) => context.progress({ label: `train ${name}`, total, done }),
});

async function reconstruct(
  context: RunContext,
  data: ZooData,
  model: Inr2Array,
  settings: Resolved,
): Promise<{ readonly json: StageNumbers; readonly trained: Trained }> {
  const name = 'reconstruction';
  const { json, arrays } = await context.stage<StageNumbers>(name, async (stage) => {
    context.say(
      `${name}: ${model.parameterCount.toLocaleString('en')} parameters, arrays of ${model.shape.join(' × ')}`,
    );
    const augmentation = makeAugmentation(settings.augmentation);
    const stream = context.stream.split(name);
    const hooks = hooksOf(context, name);
    const done = await trainAutoencoder(stage, model, augmentation, data, settings.reconstruction, stream, hooks);
    return { json: done.json, arrays: grouped({ params: done.trained.params, fixed: done.trained.fixed }) };
  });
  const { 'test/mse': mse, 'test/mse-of-mean': ofMean } = json.metrics;
  context.say(
    `${name}: test error ${mse!.toPrecision(3)}, ${((100 * mse!) / ofMean!).toFixed(1)} % of that of the mean picture`,
  );
  return { json, trained: { params: withoutPrefix('params/', arrays), fixed: withoutPrefix('fixed/', arrays) } };
}

interface Latents {
  readonly train: LatentData;
  readonly test: LatentData;
}

/** Arrays of all networks and of the training networks' copies, each copy with moves of its own. */
async function encode(
  context: RunContext,
  data: ZooData,
  model: Inr2Array,
  trained: Trained,
  settings: Resolved,
): Promise<Latents> {
  const { arrays } = await context.stage<null>('arrays', async () => {
    const own = await arraysOf(model, data, trained, data.train);
    const test = await arraysOf(model, data, trained, data.test);
    const augmentation = makeAugmentation(settings.augmentation);
    const copies: NdArray[] = [];
    for (let copy = 0; copy < settings.copies; copy++) {
      const stream = context.stream.split('copies').split(copy);
      copies.push(await arraysOf(model, data, trained, data.train, augmentation, stream));
    }
    return { json: null, arrays: { test, train: joinRows([own, ...copies]) } };
  });
  const labels = (rows: Int32Array) => rows.map((row) => data.labels[row]!);
  const own = Array.from(labels(data.train));
  const repeated = Int32Array.from(Array.from({ length: settings.copies + 1 }, () => own).flat());
  return {
    train: { arrays: arrays['train']!, labels: repeated },
    test: { arrays: arrays['test']!, labels: labels(data.test) },
  };
}

function joinRows(parts: readonly NdArray[]): NdArray {
  const { shape, data } = parts[0]!;
  const all = new Float32Array(parts.length * data.length);
  parts.forEach((part, i) => all.set(part.data, i * data.length));
  return { dtype: 'float32', shape: [parts.length * shape[0]!, ...shape.slice(1)], data: all };
}

export type Classification = StageNumbers & { readonly predictions: readonly number[] };

async function classify(
  context: RunContext,
  data: ZooData,
  model: Inr2Array,
  { train, test }: Latents,
  settings: Resolved,
): Promise<Classification> {
  const name = 'classification';
  const classes = data.classes.length;
  const reader = latentTransformer(model.shape, classes, settings.classifier);
  const { json } = await context.stage<Classification>(name, async (stage) => {
    context.say(`${name}: ${reader.parameterCount.toLocaleString('en')} parameters, ${train.labels.length} arrays`);
    const stream = context.stream.split(name);
    const hooks = hooksOf(context, name);
    const done = await trainLatentClassifier(
      stage,
      reader,
      train,
      test,
      classes,
      settings.classification,
      stream,
      hooks,
    );
    return { json: done.json, arrays: grouped({ params: done.params }) };
  });
  context.say(`${name}: test accuracy ${(100 * json.metrics['test/accuracy']!).toFixed(1)} %`);
  return json;
}
