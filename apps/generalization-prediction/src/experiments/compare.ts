/** @file The experiment `compare`: all models that take a zoo. */
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';

import { estimateLead } from '../evaluation/measures.ts';
import { recipes } from '../models/recipes.ts';
import { columnTableAsCsv, columnTableAsMarkdown, tauByColumn } from '../report/column-table.ts';
import { comparisonPlot } from '../report/plots.ts';
import { estimateText, tableAsCsv, tableAsMarkdown } from '../report/table.ts';
import type { Task } from '../training/train-predictor.ts';
import { columnOf } from '../zoo/columns.ts';
import type { Column } from '../zoo/columns.ts';
import { begin, modelsOf, recipe, trainingFor } from './common.ts';
import type { ComparisonSettings } from './common.ts';
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
import type { Outcome } from './study.ts';

const config = {
  ...shared,
  /** Column of the zoo by whose values τ is told too; none when empty. */
  groupBy: '',
  models: Object.keys(recipes) as readonly string[],
  seeds,
  training: sharedTraining,
};

export const generalizationComparison = defineExperiment({
  name: 'generalization-comparison',
  claim:
    "The best metanet on cnn-zoo has Kendall's τ ≥ 0.92 and an interval above StatNN's; refuted when it hasn't. On zoos of " +
    'several architectures graph metanets are above StatNN by 0.05.',
  config,
  configurations: configurations({
    models: ['stat-nn', 'deep-sets', 'ng-gnn'],
    seeds: [0],
    training: { epochs: 5, looks: 5 },
  }) as never,
  rules: trainingRules,
  check: (own: { readonly seeds: readonly number[]; readonly models: readonly string[] }) =>
    problemOfModels(own.models) ?? problemOfSeeds(own.seeds),
  descriptions: {
    ...descriptions,
    groupBy: 'column by whose values τ is told too, such as epoch or activation; many numbers by quarters of the rows',
  },
  run,
});

async function run(context: RunContext) {
  const { settings, task } = await begin<ComparisonSettings & { readonly groupBy: string }>(context);
  const { groupBy } = settings;
  // Before anything is trained.
  const column = groupBy === '' ? undefined : columnOf(task.rows.columns, groupBy, 'groupBy');
  const outcomes: Outcome[] = [];
  for (const name of modelsOf(context, task, settings.models)) {
    const training = trainingFor(name, settings.training);
    outcomes.push(await runStudy(context, { name, model: recipe(name), training, task, seeds: settings.seeds }));
    const { estimates } = verdict(context, task, outcomes.at(-1)!, 'test', 200);
    context.say(`${name}: Kendall's τ ${estimateText(estimates['kendall-tau'])}`);
  }
  const verdicts = outcomes.map((outcome) => verdict(context, task, outcome, 'test', settings.samples));
  const known = boundVerdicts(context, task, settings.target, 'test', settings.samples);
  const leads = leadsOver(context, task, outcomes, settings.samples);
  const markdown = tableAsMarkdown([...verdicts, ...known]);
  context.say(`\n${markdown}\n`);
  for (const lead of leads) context.say(lead);
  const byColumn = column === undefined ? '' : tellByColumn(context, task, outcomes, column, settings.samples);
  context.writeArtifact('comparison.md', `${markdown}\n\n${leads.map((lead) => `- ${lead}`).join('\n')}\n${byColumn}`);
  context.writeArtifact('comparison.csv', tableAsCsv([...verdicts, ...known]));
  const test = rowsOf(task.parts, 'test').length.toLocaleString('en');
  await context.savePlot(
    'comparison',
    await comparisonPlot("Kendall's τ on the test runs", `${test} rows; 95 % intervals over runs`, [
      ...verdicts,
      ...known,
    ]),
    'Means over seeds; intervals by drawing the test runs anew.',
  );
  const best = verdicts.reduce((a, b) => (tau(b) > tau(a) ? b : a));
  return {
    metrics: { 'best/test/kendall-tau': tau(best), models: verdicts.length },
    baselines: Object.fromEntries([...verdicts, ...known].map((own) => [own.model, metricsOf(own)])),
  };
}

const tau = ({ estimates }: { readonly estimates: { readonly 'kendall-tau': { readonly value: number } } }): number =>
  estimates['kendall-tau'].value;

/** Prints and keeps τ of each model by the values of a column. @returns a section for the comparison's file */
function tellByColumn(
  context: RunContext,
  task: Task,
  outcomes: readonly Outcome[],
  column: Column,
  samples: number,
): string {
  const models = outcomes.map(({ name }) => name);
  const own = Object.fromEntries(outcomes.map((outcome) => [outcome.name, judged(task, outcome, 'test')]));
  const rows = tauByColumn(column, rowsOf(task.parts, 'test'), own, intervalStream(context), samples);
  const table = columnTableAsMarkdown(column.name, models, rows);
  context.say(`\nKendall's τ by ${column.name}:\n\n${table}\n`);
  context.writeArtifact(`tau-by-${column.name}.csv`, columnTableAsCsv(column.name, models, rows));
  return `\n## Kendall's τ by ${column.name}\n\n${table}\n`;
}

/** How far each model is above StatNN, on the same samples of runs. */
function leadsOver(context: RunContext, task: Task, outcomes: readonly Outcome[], samples: number): string[] {
  const base = outcomes.find(({ name }) => name === 'stat-nn');
  if (!base) return [];
  return outcomes
    .filter((outcome) => outcome !== base)
    .map((outcome) => {
      const [a, b] = [outcome, base].map((own) => judged(task, own, 'test'));
      return `Kendall's τ of ${outcome.name} less that of stat-nn: ${estimateText(estimateLead(a!, b!, intervalStream(context), samples))}`;
    });
}
