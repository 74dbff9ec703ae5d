/** @file The experiment: metanets of all families on one zoo, over seeds. */
import { withPrefix } from '@weightspace/compute';
import { barPlot, defineExperiment, meanInterval } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';

import { availableRecipes, makeAugmentation, modelOf, problemOfRecipes } from '../models.ts';
import { recipes, standardTraining } from '../recipes.ts';
import { trainClassifier } from '../train-classifier.ts';
import type { TrainingSettings } from '../train-classifier.ts';
import { loadZooData } from '../zoo-data.ts';
import type { ZooData } from '../zoo-data.ts';
import { checkOrder } from './order.ts';
import { intervalText, tableAsCsv, tableAsMarkdown } from './table.ts';
import type { ComparisonRow } from './table.ts';

/** Those of the published order, as far as they are registered. */
const core = ['flat-mlp', 'stat-nn', 'nfn-np', 'nfn-hnp', 'dws-augmented', 'ng-gnn', 'ng-gnn-probes'];
const config = {
  zoo: 'data/mnist-siren/sample',
  trainSize: 0,
  models: core.filter((name) => availableRecipes().includes(name)) as readonly string[],
  seeds: [0, 1, 2] as readonly number[],
  epochs: 0,
  batch: 0,
  evaluateEvery: 0,
};

export const inrComparison = defineExperiment({
  name: 'inr-comparison',
  claim:
    'Metanets that know the symmetries of weights read more from SIRENs than those that do not, in the order of the published ' +
    'results; refuted by each pair of groups of models that is not observed in that order.',
  config,
  configurations: {
    quick: { models: config.models.slice(0, 3), seeds: [0, 1], epochs: 5 },
    full: { zoo: 'zoos/mnist-siren-dws-10000' },
    fashion: { zoo: 'zoos/fashion-siren-dws-6000' },
  },
  rules: {
    trainSize: { integer: true, min: 0 },
    epochs: { integer: true, min: 0 },
    batch: { integer: true, min: 0 },
    evaluateEvery: { integer: true, min: 0 },
  },
  check: problemOf,
  descriptions: {
    zoo: 'folder or file of the zoo',
    trainSize: 'training networks to use; 0 for all',
    models: `recipes to compare, of ${availableRecipes().join(', ')}`,
    seeds: 'each model is trained once per seed',
    epochs: "epochs of every training; each recipe's own when 0",
    batch: "networks per step of every training; each recipe's own when 0",
    evaluateEvery: 'epochs between two looks at the validation and test splits; 0 for one look at the end',
  },
  run,
});

type Resolved = typeof config;

/** Asked before anything is computed. */
function problemOf({ models, seeds }: Pick<Resolved, 'models' | 'seeds'>): string | undefined {
  const problem = problemOfRecipes(models);
  if (problem !== undefined) return `models: ${problem}`;
  const wrong = seeds.some((seed) => !Number.isInteger(seed) || seed < 0);
  if (seeds.length === 0 || wrong || new Set(seeds).size !== seeds.length)
    return `seeds: must be one or more different whole numbers, got ${JSON.stringify(seeds)}`;
  return undefined;
}

async function run(context: RunContext) {
  const settings = context.config as unknown as Resolved;
  const data = await loadZooData(settings.zoo, settings.trainSize);
  context.say(
    `zoo ${settings.zoo}: ${data.train.length} networks for training, ${data.validation.length} for validation, ${data.test.length} for testing`,
  );
  const rows: ComparisonRow[] = [];
  for (const model of settings.models) {
    rows.push(await rowOf(context, data, model, settings));
    const { accuracy } = rows.at(-1)!;
    context.say(
      `${model}: test accuracy ${intervalText(accuracy)} % over ${accuracy.count} ${accuracy.count === 1 ? 'seed' : 'seeds'}`,
    );
  }
  await report(context, data, rows);
  const best = rows.reduce((a, b) => (b.accuracy.mean > a.accuracy.mean ? b : a));
  return {
    metrics: { 'best/test/accuracy': best.accuracy.mean, models: rows.length },
    baselines: Object.fromEntries(rows.map((row) => [row.model, metricsOf(row)])),
  };
}

interface Trained {
  readonly accuracy: number;
  readonly stepSeconds: number;
}

async function rowOf(context: RunContext, data: ZooData, name: string, settings: Resolved): Promise<ComparisonRow> {
  const recipe = recipes[name]!;
  const training: TrainingSettings = {
    ...standardTraining,
    ...recipe.training,
    ...(settings.epochs > 0 ? { epochs: settings.epochs } : {}),
    ...(settings.batch > 0 ? { batch: settings.batch } : {}),
    evaluateEvery: settings.evaluateEvery,
  };
  const model = modelOf(recipe, data.architecture, data.classes.length);
  context.say(
    `${name}: ${model.parameterCount.toLocaleString('en')} parameters, ${training.epochs} epochs of batches of ${training.batch}, augmentation ${recipe.augmentation.join(' ') || 'none'}`,
  );
  const trained: Trained[] = [];
  for (const seed of settings.seeds) {
    const stage = `${name}-seed${seed}`;
    const { json } = await context.stage<Trained>(stage, async (own) => {
      const stream = context.stream.split('seed').split(seed).split(name);
      const augmentation = makeAugmentation(recipe.augmentation);
      const result = await trainClassifier(own, model, augmentation, data, training, stream, {
        logMetrics: (metrics, step) => context.logMetrics(withPrefix(`${stage}/`, metrics), step),
        progress: (total, done) => context.progress({ label: `train ${stage}`, total, done }),
      });
      const { metrics } = result.json;
      return { json: { accuracy: metrics['test/accuracy']!, stepSeconds: metrics['step-seconds']! } };
    });
    trained.push(json);
  }
  const accuracies = trained.map(({ accuracy }) => accuracy);
  const times = trained.map(({ stepSeconds }) => stepSeconds).sort((a, b) => a - b);
  return {
    model: name,
    accuracy: meanInterval(accuracies),
    accuracies,
    parameters: model.parameterCount,
    stepSeconds: times[times.length >> 1]!,
    batch: training.batch,
    epochs: training.epochs,
    published: data.imageSet === undefined ? undefined : recipe.published?.[data.imageSet],
  };
}

const metricsOf = ({ accuracy, parameters, stepSeconds }: ComparisonRow): { readonly [name: string]: number } => ({
  'test/accuracy': accuracy.mean,
  ...(accuracy.count > 1 ? { 'test/accuracy-low': accuracy.low, 'test/accuracy-high': accuracy.high } : {}),
  parameters,
  'step-seconds': stepSeconds,
});

async function report(context: RunContext, data: ZooData, rows: readonly ComparisonRow[]): Promise<void> {
  const orders = checkOrder(rows).map(({ text }) => text);
  const markdown = tableAsMarkdown(rows);
  context.say(`\n${markdown}\n`);
  for (const text of orders) context.say(`order ${text}`);
  const list = orders.length === 0 ? '' : `\nThe published order:\n\n${orders.map((text) => `- ${text}`).join('\n')}\n`;
  context.writeArtifact('comparison.md', `${markdown}\n${list}`);
  context.writeArtifact('comparison.csv', tableAsCsv(rows));
  await context.savePlot(
    'comparison',
    await plotOf(data, rows),
    'Means over seeds with 95 % intervals; the line is chance.',
  );
}

const seedsText = (count: number): string => (count === 1 ? 'one seed' : `mean and 95 % interval over ${count} seeds`);

const plotOf = (data: ZooData, rows: readonly ComparisonRow[]) =>
  barPlot({
    title: 'Test accuracy of metanets',
    subtitle: `${data.train.length.toLocaleString('en')} training networks; ${seedsText(rows[0]!.accuracy.count)}`,
    value: { title: 'share classified right', domain: [0, 1], format: '.0%' },
    bars: rows.map(({ model, accuracy: { mean, low, high } }) => ({
      name: model,
      value: mean,
      ...(Number.isFinite(low) ? { low: Math.max(0, low), high: Math.min(1, high) } : {}),
    })),
    reference: { name: 'chance', value: 1 / data.classes.length },
    label: (value) => `${(100 * value).toFixed(1)} %`,
  });
