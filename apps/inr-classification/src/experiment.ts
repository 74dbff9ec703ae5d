/** @file The experiment: which digit does a SIREN draw, read from its weights? */
import { withPrefix } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { mixupNames } from '@weightspace/augmentation';
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import type { Settings } from '@weightspace/metanet';

import { makeAugmentation, makeMixup, makeModel, modelVariants, settingsOf } from './models.ts';
import { baselineRecipes, defaultAugmentation, standardTraining } from './recipes.ts';
import type { ModelRecipe } from './recipes.ts';
import { saveClassifier } from './saved-classifier.ts';
import { drawResults } from './results.ts';
import { trainClassifier } from './train-classifier.ts';
import type { TrainingResult, TrainingSettings } from './train-classifier.ts';
import { loadZooData } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

const config = {
  /** Folder or file of the zoo. */
  zoo: 'data/mnist-siren/sample',
  /** How many of its training networks to use; all when 0. */
  trainSize: 0,
  model: { kind: 'nfn-np' },
  augmentation: [...defaultAugmentation],
  training: { ...standardTraining, evaluateEvery: 5 },
  baselines: Object.keys(baselineRecipes),
  /** Epochs of the NFN among the baselines, which costs as much per epoch as the model. */
  baselineEpochs: 40,
} as const;

export const inrClassification = defineExperiment({
  name: 'inr-classification',
  claim:
    'NFN-NP with probe features reads the digit from the weights of a SIREN with 90 % accuracy after 2,000 examples; ' +
    'refuted when it stays below, or when statistics of the weights or a flat MLP do as well.',
  config: {
    ...config,
    augmentation: config.augmentation as readonly string[],
    baselines: config.baselines as readonly string[],
  },
  configurations: {
    quick: { model: { kind: 'nfn-np', probes: 64, channels: [32, 32], frequencies: 32 } },
    full: {
      zoo: 'zoos/mnist-siren-dws-10000',
      model: { kind: 'nfn-np', probes: 128, channels: [32, 32], frequencies: 32 },
    },
  },
  variants: { 'model.kind': modelVariants() },
  rules: {
    trainSize: { integer: true, min: 0 },
    'training.epochs': { integer: true, min: 1 },
    'training.batch': { integer: true, min: 1 },
    'training.rate': { min: 0 },
    'training.warmUp': { min: 0, max: 1 },
    'training.weightDecay': { min: 0 },
    'training.clip': { min: 0 },
    'training.labelSmoothing': { min: 0, max: 1 },
    'training.evaluateEvery': { integer: true, min: 0 },
    baselineEpochs: { integer: true, min: 1 },
  },
  check: checkNames,
  descriptions: {
    zoo: 'folder or file of the zoo',
    trainSize: 'training networks to use; 0 for all',
    'model.kind': 'which metanet; its own settings follow it',
    augmentation: 'one after another; name or name:strength',
    'training.mixup': `none, or ${mixupNames().join(', ')}; name:all aligns by all symmetries`,
    baselines: `models to compare with: ${Object.keys(baselineRecipes).join(', ')}`,
  },
  run,
});

/** Names that only this app knows; asked before anything is computed. */
function checkNames(settings: {
  readonly baselines: readonly string[];
  readonly augmentation: readonly string[];
  readonly training: { readonly mixup: string };
}): string | undefined {
  const unknown = settings.baselines.find((name) => !Object.hasOwn(baselineRecipes, name));
  if (unknown !== undefined)
    return `baselines: must be of ${Object.keys(baselineRecipes)
      .map((name) => `'${name}'`)
      .join(', ')}, got '${unknown}'`;
  return (
    problemOf('augmentation', () => makeAugmentation(settings.augmentation)) ??
    problemOf('training.mixup', () => makeMixup(settings.training.mixup))
  );
}

function problemOf(setting: string, make: () => unknown): string | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return `${setting}: ${(error as Error).message}`;
  }
}

type Resolved = typeof config & { readonly model: { readonly kind: string } & Settings };

async function run(context: RunContext) {
  const settings = context.config as unknown as Resolved;
  const data = await loadZooData(settings.zoo, settings.trainSize);
  context.say(
    `zoo ${settings.zoo}: ${data.train.length} networks for training, ${data.validation.length} for validation, ${data.test.length} for testing`,
  );
  const { kind, ...own } = settings.model;
  const main = { kind, settings: own as Settings, training: {}, augmentation: settings.augmentation };
  const model = await trainOne(context, data, 'model', main, settings.training, true);
  const baselines: Record<string, Record<string, number>> = {};
  for (const name of settings.baselines) {
    const recipe = baselineRecipes[name]!;
    const { epochs } = settings.training;
    const share = recipe.kind === kind ? { epochs: Math.min(epochs, settings.baselineEpochs) } : {};
    const like = recipe.kind === kind ? { ...recipe, settings: { ...(own as Settings), ...recipe.settings } } : recipe;
    const result = await trainOne(context, data, stageName(name), like, { ...settings.training, ...share }, false);
    baselines[name] = { ...result.json.metrics };
  }
  saveClassifier(context, data, { kind, settings: own as Settings }, model.arrays);
  const accuracies = { [kind]: model.json.metrics, ...baselines };
  await drawResults(
    context,
    data,
    model.json,
    Object.fromEntries(Object.entries(accuracies).map(([name, m]) => [name, m['test/accuracy']!])),
  );
  return { metrics: model.json.metrics, baselines };
}

/** The switches of a model that aren't as its kind has them. */
const chosen = (settings: Settings, standard: Settings): string =>
  Object.entries(settings)
    .filter(([name, value]) => typeof value === 'boolean' && value !== standard[name])
    .map(([name, value]) => `, ${name} ${value === true ? 'on' : 'off'}`)
    .join('');

const stageName = (name: string): string => name.replaceAll(/[^\w-]+/g, '-');

/** One model as a stage of the run, so that a resumed run has it done when it was. */
async function trainOne(
  context: RunContext,
  data: ZooData,
  name: string,
  recipe: ModelRecipe,
  shared: TrainingSettings,
  isMain: boolean,
): Promise<{ readonly json: TrainingResult; readonly arrays: NdArrays }> {
  const model = makeModel(data.architecture, data.classes.length, recipe.kind, recipe.settings);
  const training = { ...shared, ...recipe.training };
  const result = await context.stage<TrainingResult>(name, async (stage) => {
    context.say(
      `${name}: ${recipe.kind}, ${model.parameterCount.toLocaleString('en')} parameters, augmentation ${recipe.augmentation.join(' ') || 'none'}${training.mixup === 'none' ? '' : `, ${training.mixup}`}${chosen(recipe.settings, settingsOf(recipe.kind))}`,
    );
    const hooks = {
      // Metrics of the run are the model's; those of baselines are told apart by a prefix.
      logMetrics: (metrics: { readonly [metric: string]: number }, step: number) =>
        context.logMetrics(isMain ? metrics : withPrefix(`${name}/`, metrics), step),
      progress: (total: number, done: number) => context.progress({ label: `train ${name}`, total, done }),
    };
    return trainClassifier(
      stage,
      model,
      makeAugmentation(recipe.augmentation),
      data,
      training,
      context.stream.split(name),
      hooks,
    );
  });
  const { metrics } = result.json;
  context.say(`${name}: test accuracy ${(100 * metrics['test/accuracy']!).toFixed(1)} %`);
  return { json: { ...result.json, metrics: { ...metrics, parameters: model.parameterCount } }, arrays: result.arrays };
}
