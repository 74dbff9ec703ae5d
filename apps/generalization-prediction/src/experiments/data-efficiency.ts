/** @file The experiment `data-efficiency`: how many training runs a metanet needs. */
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';

import { efficiencyPlot } from '../report/plots.ts';
import { estimateText, markdown } from '../report/table.ts';
import type { TrainingSettings } from '../training/train-predictor.ts';
import { begin, modelsOf, recipe, shareOf, trainingFor } from './common.ts';
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
import { metricsOf, runStudy, verdict } from './study.ts';
import type { Verdict } from './study.ts';

const config = {
  ...shared,
  models: ['stat-nn', 'nfn-hnp', 'ng-gnn', 'scale-gmn'] as readonly string[],
  shares: [0.05, 0.1, 0.5, 1] as readonly number[],
  seeds,
  training: sharedTraining,
  /** Most epochs, as a multiple of those on all runs. */
  stretch: 10,
};

export const dataEfficiency = defineExperiment({
  name: 'generalization-data-efficiency',
  claim:
    'Metanets that know the symmetries need fewer training runs than StatNN; refuted where its curve is above theirs.',
  config,
  configurations: configurations({
    models: ['stat-nn', 'ng-gnn'],
    seeds: [0],
    shares: [0.1, 0.5, 1],
    training: { epochs: 5, looks: 5 },
  }) as never,
  rules: { ...trainingRules, stretch: { min: 1 } },
  check: (own: {
    readonly seeds: readonly number[];
    readonly models: readonly string[];
    readonly shares: readonly number[];
  }) => problemOfModels(own.models) ?? problemOfSeeds(own.seeds) ?? problemOfShares(own.shares),
  descriptions: {
    ...descriptions,
    shares: "shares of the training's runs",
    stretch: 'smaller shares are trained on for more epochs, so that steps are as many, up to this many times',
  },
  run,
});

const problemOfShares = (shares: readonly number[]): string | undefined =>
  shares.length > 0 && shares.every((share) => share > 0 && share <= 1) && new Set(shares).size === shares.length
    ? undefined
    : `shares: must be one or more different numbers above 0, up to 1, got ${JSON.stringify(shares)}`;

interface Resolved extends ComparisonSettings {
  readonly shares: readonly number[];
  readonly stretch: number;
}

interface Point {
  readonly share: number;
  readonly runs: number;
  readonly rows: number;
  readonly verdict: Verdict;
}

async function run(context: RunContext) {
  const { settings, task: whole } = await begin<Resolved>(context);
  const points: Point[] = [];
  for (const name of modelsOf(context, whole, settings.models)) {
    for (const share of settings.shares) {
      const task = shareOf(context, whole, share);
      const { train } = task.parts;
      const training = stretched(trainingFor(name, settings.training), share, settings.stretch);
      const stage = `${name}-share${String(share).replace('.', '_')}`;
      const outcome = await runStudy(context, {
        name: stage,
        model: recipe(name),
        training,
        task,
        seeds: settings.seeds,
      });
      const own = { ...verdict(context, task, outcome, 'test', settings.samples), model: name };
      const runs = new Set(Array.from(train, (row) => task.rows.runs[row]!)).size;
      points.push({ share, runs, rows: train.length, verdict: own });
      context.say(`${name}, ${runs} runs: Kendall's τ ${estimateText(own.estimates['kendall-tau'])}`);
    }
  }
  await report(context, points);
  const key = ({ share, verdict: { model } }: Point) => `${model} ${Math.round(1000 * share) / 10} %`;
  return {
    metrics: { points: points.length },
    baselines: Object.fromEntries(points.map((point) => [key(point), metricsOf(point.verdict)])),
  };
}

const stretched = (training: TrainingSettings, share: number, most: number): TrainingSettings => ({
  ...training,
  epochs: Math.round(training.epochs * Math.min(most, 1 / share)),
});

async function report(context: RunContext, points: readonly Point[]): Promise<void> {
  const table = markdown<Point>(
    [
      ['model', 'left', ({ verdict }) => verdict.model],
      ['share', 'right', ({ share }) => `${Math.round(1000 * share) / 10} %`],
      ['runs', 'right', ({ runs }) => runs.toLocaleString('en')],
      ['rows', 'right', ({ rows }) => rows.toLocaleString('en')],
      ["Kendall's τ", 'right', ({ verdict }) => estimateText(verdict.estimates['kendall-tau'])],
      ['R²', 'right', ({ verdict }) => estimateText(verdict.estimates.r2)],
      ['epochs', 'right', ({ verdict }) => String(verdict.epochs)],
    ],
    points,
  );
  context.say(`\n${table}\n`);
  context.writeArtifact('data-efficiency.md', `${table}\n`);
  const csv = points.map(({ share, runs, rows, verdict: { model, estimates } }) => {
    const { 'kendall-tau': tau, r2 } = estimates;
    return [model, share, runs, rows, tau.value, tau.low, tau.high, r2.value, r2.low, r2.high].join(',');
  });
  context.writeArtifact(
    'data-efficiency.csv',
    `${['model,share,runs,rows,kendall-tau,kendall-tau_low,kendall-tau_high,r2,r2_low,r2_high', ...csv].join('\n')}\n`,
  );
  await context.savePlot(
    'data-efficiency',
    await efficiencyPlot(points),
    'Each curve is one model; larger shares hold the runs of smaller ones.',
  );
}
