/** @file The experiment `train`: one metanet on one zoo, beside StatNN and beside what is known without weights. */
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import type { Settings } from '@weightspace/metanet';

import { estimateLead } from '../evaluation/measures.ts';
import { modelSetting, modelVariants, recipesFor } from '../models/models.ts';
import { savePredictor } from '../prediction/saved-predictor.ts';
import { comparisonPlot, lossPlot, predictionPlot, tauPlot } from '../report/plots.ts';
import { estimateText, tableAsCsv, tableAsMarkdown } from '../report/table.ts';
import type { Task, TrainingSettings } from '../training/train-predictor.ts';
import { begin, recipe, trainingFor } from './common.ts';
import type { SharedSettings } from './common.ts';
import {
  configurations,
  descriptions,
  problemOfModels,
  problemOfSeeds,
  seeds,
  shared,
  sharedTraining,
  trainingRules,
} from './settings.ts';
import { boundVerdicts, intervalStream, judged, metricsOf, rowsOf, runStudy, verdict } from './study.ts';
import type { Outcome, Verdict } from './study.ts';

const config = {
  ...shared,
  model: modelSetting('ng-gnn'),
  baselines: ['stat-nn'] as readonly string[],
  seeds,
  training: sharedTraining,
  colours: ['architecture', 'activation', 'learning-rate'] as readonly string[],
};

export const generalizationPrediction = defineExperiment({
  name: 'generalization-prediction',
  claim:
    "A graph metanet ranks unseen networks by their test accuracy from weights alone: Kendall's τ above that of StatNN with " +
    'intervals apart; refuted when they overlap.',
  config: config as never as typeof config & { readonly model: { readonly kind: string } },
  configurations: configurations({
    model: recipe('ng-gnn-residual').settings,
    training: { epochs: 30, looks: 10 },
    seeds: [0],
  }) as never,
  variants: { 'model.kind': modelVariants() },
  rules: trainingRules,
  check: (own: { readonly seeds: readonly number[]; readonly baselines: readonly string[] }) =>
    problemOfSeeds(own.seeds) ?? (own.baselines.length === 0 ? undefined : problemOfModels(own.baselines)),
  descriptions: {
    ...descriptions,
    'model.kind': 'which metanet; its own settings follow it',
    baselines: `models to compare with, by recipe`,
    colours: 'columns that colour the points, a plot each; those that the zoo lacks are left out',
  },
  run,
});

interface Resolved extends SharedSettings {
  readonly model: { readonly kind: string } & Settings;
  readonly baselines: readonly string[];
  readonly seeds: readonly number[];
  readonly training: TrainingSettings;
  readonly colours: readonly string[];
}

async function run(context: RunContext) {
  const { settings, task } = await begin<Resolved>(context);
  const { kind, ...own } = settings.model;
  const model = { kind, settings: own as Settings };
  const common = { task, seeds: settings.seeds };
  const main = await runStudy(context, { ...common, name: 'model', model, training: settings.training, isMain: true });
  savePredictor(context, task, settings.target, model, main);
  const outcomes: Outcome[] = [{ ...main, name: kind }];
  const { taken, left } = recipesFor(task.rows, settings.baselines);
  if (left.length > 0) context.warn(`${left.join(', ')}: left out, since the zoo has several architectures`);
  for (const name of taken) {
    const training = trainingFor(name, settings.training);
    const outcome = await runStudy(context, { ...common, name, model: recipe(name), training });
    outcomes.push({ ...outcome, name: name === kind ? `${name} (recipe)` : name });
  }
  const verdicts = outcomes.map((outcome) => verdict(context, task, outcome, 'test', settings.samples));
  const known = boundVerdicts(context, task, settings.target, 'test', settings.samples);
  await report(context, task, outcomes, [...verdicts, ...known], settings);
  const validation = task.parts.validation.length > 0 ? valuesOf(verdict(context, task, main, 'validation', 1)) : {};
  return {
    metrics: { ...validation, ...metricsOf(verdicts[0]!), 'test/rows': rowsOf(task.parts, 'test').length },
    baselines: Object.fromEntries([...verdicts.slice(1), ...known].map((own) => [own.model, metricsOf(own)])),
  };
}

/** Without intervals: the epoch was chosen on these rows. */
const valuesOf = ({ part, estimates }: Verdict): Record<string, number> =>
  Object.fromEntries(
    Object.entries(estimates).flatMap(([name, { value }]) =>
      Number.isFinite(value) ? [[`${part}/${name}`, value]] : [],
    ),
  );

async function report(
  context: RunContext,
  task: Task,
  outcomes: readonly Outcome[],
  verdicts: readonly Verdict[],
  settings: Resolved,
): Promise<void> {
  const [main, ...others] = outcomes;
  const leads = others.map((other) => {
    const [a, b] = [main!, other].map((outcome) => judged(task, outcome, 'test'));
    const lead = estimateLead(a!, b!, intervalStream(context), settings.samples);
    return `Kendall's τ of ${main!.name} less that of ${other.name}: ${estimateText(lead)}`;
  });
  const markdown = tableAsMarkdown(verdicts);
  context.say(`\n${markdown}\n`);
  for (const lead of leads) context.say(lead);
  context.writeArtifact('comparison.md', `${markdown}\n\n${leads.map((lead) => `- ${lead}`).join('\n')}\n`);
  context.writeArtifact('comparison.csv', tableAsCsv(verdicts));
  await plots(context, task, main!, verdicts, settings);
}

async function plots(
  context: RunContext,
  { rows, target, parts }: Task,
  main: Outcome,
  verdicts: readonly Verdict[],
  settings: Resolved,
): Promise<void> {
  const test = rowsOf(parts, 'test');
  const truth = Float64Array.from(test, (row) => target[row]!);
  const predictions = main.results[0]!.predictions['test']!;
  const columns = settings.colours.flatMap((name) => rows.columns.get(name) ?? []);
  const useful = columns.filter(({ values }) => new Set(Array.from(test, (row) => values[row]!)).size > 1);
  for (const column of useful.length > 0 ? useful : [undefined]) {
    await context.savePlot(
      column === undefined ? 'predictions' : `predictions-by-${column.name}`,
      await predictionPlot('Predicted against true', truth, predictions, test, column, verdicts[0]!, settings.target),
      'Rows of the test runs; the first seed.',
    );
  }
  await context.savePlot(
    'comparison',
    await comparisonPlot(
      "Kendall's τ on the test runs",
      `${test.length.toLocaleString('en')} rows; 95 % intervals over runs`,
      verdicts,
      main.name,
    ),
    'Means over seeds; intervals by drawing the test runs anew.',
  );
  await context.savePlot('loss', await lossPlot(main.results[0]!), 'Training and validation loss of the first seed.');
  await context.savePlot(
    'validation-tau',
    await tauPlot(main),
    'By which the epoch is chosen, unless the settings say otherwise.',
  );
}
