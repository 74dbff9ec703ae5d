/** @file The experiment `out-of-distribution`: what is left on kinds of networks that no training saw. */
import { barPlot, defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';

import { heldOut, heldOutParts } from '../splits/held-out.ts';
import { tauAxis } from '../report/plots.ts';
import { estimateText, markdown } from '../report/table.ts';
import type { Task } from '../training/train-predictor.ts';
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
  zooConfigurations,
} from './settings.ts';
import { boundVerdicts, describeTask, metricsOf, runStudy, verdict } from './study.ts';
import type { Outcome, Verdict } from './study.ts';

const config = {
  ...shared,
  models: ['stat-nn', 'ng-gnn'] as readonly string[],
  heldOut: ['largest:epoch'] as readonly string[],
  /** Whether models are also trained on all kinds, and tested on the same rows. */
  reference: true,
  seeds,
  training: sharedTraining,
};
const mixed = ['largest:depth', 'largest:width', 'activation=tanh', 'largest:epoch'] as readonly string[];

export const outOfDistribution = defineExperiment({
  name: 'generalization-out-of-distribution',
  claim:
    'A metanet still ranks networks of kinds that it never saw, above StatNN; refuted where its interval on them is not above ' +
    "StatNN's.",
  config,
  configurations: {
    ...configurations({ seeds: [0], training: { epochs: 5, looks: 5 } }),
    'cnn-park': { ...zooConfigurations['cnn-park'], heldOut: mixed },
    'diverse-zoo': {
      ...zooConfigurations['diverse-zoo'],
      heldOut: ['largest:depth', 'largest:width', 'largest:epoch'],
    },
    'data-set': {
      zoo: zooConfigurations['cnn-zoo'].zoo,
      otherZoos: [zooConfigurations['cnn-zoo-fashion'].zoo],
      heldOut: ['zoo=cnn-zoo-fashion-mnist-4000'],
      reference: false,
    },
  } as never,
  rules: trainingRules,
  check: (own: {
    readonly seeds: readonly number[];
    readonly models: readonly string[];
    readonly heldOut: readonly string[];
  }) =>
    problemOfModels(own.models) ??
    problemOfSeeds(own.seeds) ??
    (own.heldOut.length === 0 ? 'heldOut: must be one or more kinds of networks, got []' : undefined),
  descriptions: {
    ...descriptions,
    reference: 'also train on all kinds, and test on the same rows: what is lost by not having seen them',
  },
  run,
});

interface Resolved extends ComparisonSettings {
  readonly heldOut: readonly string[];
  readonly reference: boolean;
}

interface Shift {
  readonly held: string;
  readonly model: string;
  readonly rows: number;
  /** On test rows of the kinds that were trained on. */
  readonly kept: Verdict | undefined;
  readonly out: Verdict;
  /** On the same rows, trained on all kinds. */
  readonly seen: Verdict | undefined;
}

async function run(context: RunContext) {
  const { settings, task: whole } = await begin<Resolved>(context);
  const tasks = settings.heldOut.map((text) => {
    const parts = heldOutParts(whole.rows, whole.target, text);
    return { text, task: shareOf(context, { ...whole, parts }, settings.share) };
  });
  const shifts: Shift[] = [];
  for (const name of modelsOf(context, whole, settings.models)) {
    const training = trainingFor(name, settings.training);
    const common = { model: recipe(name), training, seeds: settings.seeds };
    const all = settings.reference
      ? await runStudy(context, { ...common, name: `${name}-all`, task: whole })
      : undefined;
    for (const [i, { text, task }] of tasks.entries()) {
      if (shifts.every(({ held }) => held !== text)) context.say(`${text} held out of ${describeTask(task)}`);
      const outcome = await runStudy(context, { ...common, name: `${name}-held${i}`, task });
      const of = (part: string) => ({ ...verdict(context, task, outcome, part, settings.samples), model: name });
      const seen = all && seenVerdict(context, whole, all, text, settings.samples);
      const { tests } = task.parts;
      shifts.push({
        held: text,
        model: name,
        rows: tests['held-out']!.length,
        kept: of('test'),
        out: of('held-out'),
        seen,
      });
      context.say(`${name} on ${text}: Kendall's τ ${estimateText(shifts.at(-1)!.out.estimates['kendall-tau'])}`);
    }
  }
  for (const { text, task } of tasks) {
    for (const out of boundVerdicts(context, task, settings.target, 'held-out', settings.samples))
      shifts.push({
        held: text,
        model: out.model,
        rows: task.parts.tests['held-out']!.length,
        kept: undefined,
        out,
        seen: undefined,
      });
  }
  await report(
    context,
    tasks.flatMap(({ text }) => shifts.filter(({ held }) => held === text)),
  );
  return {
    metrics: { splits: tasks.length },
    baselines: Object.fromEntries(shifts.map(({ held, model, out }) => [`${model} on ${held}`, metricsOf(out)])),
  };
}

/** The model that saw all kinds, on the held-out rows alone. */
function seenVerdict(context: RunContext, task: Task, outcome: Outcome, text: string, samples: number): Verdict {
  const held = heldOut(task.rows, text);
  const test = task.parts.tests['test']!;
  const chosen = [...test.keys()].filter((i) => held(test[i]!));
  const own: Outcome = {
    ...outcome,
    results: outcome.results.map((result) => ({
      ...result,
      predictions: { 'held-out': chosen.map((i) => result.predictions['test']![i]!) },
    })),
  };
  const parts = { ...task.parts, tests: { 'held-out': Int32Array.from(chosen, (i) => test[i]!) } };
  return verdict(context, { ...task, parts }, own, 'held-out', samples);
}

async function report(context: RunContext, shifts: readonly Shift[]): Promise<void> {
  const tau = (own: Verdict | undefined) => (own ? estimateText(own.estimates['kendall-tau']) : '');
  const table = markdown<Shift>(
    [
      ['held out', 'left', ({ held }) => held.replaceAll('|', '\\|')],
      ['model', 'left', ({ model }) => model],
      ['rows', 'right', ({ rows }) => rows.toLocaleString('en')],
      ['τ on kinds it saw', 'right', ({ kept }) => tau(kept)],
      ['τ on held-out ones', 'right', ({ out }) => tau(out)],
      ['the same, had it seen them', 'right', ({ seen }) => tau(seen)],
      ['R² on held-out ones', 'right', ({ out }) => estimateText(out.estimates.r2)],
      ['MAE', 'right', ({ out }) => out.estimates.mae.value.toFixed(3)],
    ],
    shifts,
  );
  context.say(`\n${table}\n`);
  context.writeArtifact('out-of-distribution.md', `${table}\n`);
  const numbers = ({ value, low, high }: { value: number; low: number; high: number }) => [value, low, high];
  const csv = shifts.map(({ held, model, rows, kept, out, seen }) => {
    const taus = [kept, out, seen].flatMap((own): (string | number)[] =>
      own ? numbers(own.estimates['kendall-tau']) : ['', '', ''],
    );
    return [`"${held}"`, `"${model}"`, rows, ...taus, ...numbers(out.estimates.r2)].join(',');
  });
  const header = ['kept', 'out', 'seen'].flatMap((part) => [`tau_${part}`, `tau_${part}_low`, `tau_${part}_high`]);
  context.writeArtifact(
    'out-of-distribution.csv',
    `${[`held_out,model,rows,${header.join(',')},r2_out,r2_out_low,r2_out_high`, ...csv].join('\n')}\n`,
  );
  const bars = shifts.map(({ held, model, out: { estimates } }) => {
    const { value, low, high } = estimates['kendall-tau'];
    return { name: `${held}: ${model}`, value, ...(Number.isFinite(low) ? { low, high } : {}) };
  });
  await context.savePlot(
    'out-of-distribution',
    await barPlot({
      title: "Kendall's τ on kinds of networks that were held out",
      subtitle: '95 % intervals over runs',
      value: tauAxis(bars),
      bars,
      label: (value) => value.toFixed(3),
    }),
    'Test runs only; no run is in two parts.',
  );
}
