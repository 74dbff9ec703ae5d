/** @file The experiment `evaluate`: saved optimizers on one task, or on several of a family. */
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';

import { differenceColumns, differencesOf } from '../evaluation/differences.ts';
import { judge, metricsOf } from '../evaluation/judge.ts';
import type { JudgeSettings, Judgement } from '../evaluation/judge.ts';
import { namedOptimizers } from '../evaluation/optimizers.ts';
import { metricsOfPooled, pooled, pooledColumns } from '../evaluation/pooled.ts';
import { recordOf, writeRecord } from '../evaluation/record.ts';
import { curvePlots } from '../report/plots.ts';
import { asMarkdown, curvesAsCsv, resultColumns, resultsAsCsv } from '../report/table.ts';
import { heldOutTasks, taskChoice, taskVariants } from '../settings.ts';
import type { Choice } from '../settings.ts';
import { descriptions, rules, shared } from './shared.ts';

const config = { ...shared, task: taskChoice('image-mlp'), tasks: 1, record: false };

/** Of the optimizers in data/pretrained-optimizers, which their files' curves come from. */
const pretrained = {
  optimizers: ['mlp-lopt', 'adafac-mlp-lopt'].map((name) => `data/pretrained-optimizers/${name}`),
  batches: 16,
  baseline: { longer: 2 },
};

export const evaluation = defineExperiment({
  name: 'learned-optimizers-evaluation',
  claim:
    'The first of the optimizers ends with a lower training loss than Adam with its best rate, on the same starts and data; ' +
    'refuted when the 95 % interval of the difference reaches 0.',
  config: config as never as typeof config,
  configurations: {
    full: {},
    pretrained,
    quick: { steps: 200, every: 10, baseline: { longer: 2 } },
  } as never,
  variants: taskVariants(),
  rules: { ...rules, tasks: { integer: true, min: 1 } },
  check: ({ tasks, record }: { readonly tasks: number; readonly record: boolean }) =>
    record && tasks > 1 ? `record: an optimizer's file has the curves of one task, got tasks=${tasks}` : undefined,
  descriptions: {
    ...descriptions,
    tasks: 'tasks that are drawn from the family, others than those of a meta-training with the same seed',
    'task.kind': 'family of tasks; its own settings follow it',
    record: "write the curves into the optimizers' files, where later evaluations with these settings compare theirs",
  },
  run,
});

interface Resolved extends JudgeSettings {
  readonly optimizers: readonly string[];
  readonly task: Choice;
  readonly tasks: number;
  readonly record: boolean;
}

async function run(context: RunContext) {
  const settings = context.config as unknown as Resolved;
  const optimizers = namedOptimizers(settings.optimizers);
  const tasks = heldOutTasks(settings.task, settings.tasks, context.stream);
  const names = optimizers.map(({ name }) => name).join(', ');
  const judgements: Judgement[] = [];
  for (const [i, task] of tasks.entries()) {
    const prefix = tasks.length === 1 ? '' : `task${i + 1}-`;
    context.say(`${names} on ${task.name}`);
    const judgement = await judge(context, prefix, task, optimizers, settings);
    judgements.push(judgement);
    context.writeArtifact(`${prefix}curves.csv`, curvesAsCsv(judgement));
    for (const { name, plot, caption } of await curvePlots(judgement))
      await context.savePlot(`${prefix}${name}`, plot, caption);
    if (!settings.record) continue;
    const learned = judgement.results.slice(1);
    learned.forEach(({ curves }, k) => writeRecord(optimizers[k]!.saved, recordOf(context, task, curves, settings)));
  }
  const tables = judgements.map(tablesOf);
  const together = tasks.length === 1 ? [] : pooled(judgements);
  if (together.length > 0) tables.push(`${asMarkdown(pooledColumns, together)}\n`);
  const text = tables.join('\n');
  context.say(`\n${text}`);
  context.writeArtifact('evaluation.md', `${settings.steps} steps, ${settings.runs} networks of each task\n\n${text}`);
  const rows = judgements.flatMap(({ task, results }) => results.map((result) => ({ task: task.name, result })));
  context.writeArtifact(
    'evaluation.csv',
    resultsAsCsv(
      rows.map(({ result }) => result),
      rows.map(({ task }) => ({ task })),
    ),
  );
  if (together.length > 0) {
    const [own, ...beside] = together;
    return {
      metrics: { tasks: tasks.length, ...metricsOfPooled(own!) },
      baselines: Object.fromEntries(beside.map((other) => [other.name, metricsOfPooled(other)])),
    };
  }
  const [baseline, first, ...others] = judgements[0]!.results;
  return {
    metrics: { ...metricsOf(first!), 'baseline-rate': judgements[0]!.rate },
    baselines: Object.fromEntries([baseline!, ...others].map((result) => [result.name, metricsOf(result)])),
  };
}

function tablesOf(judgement: Judgement): string {
  const { task, results } = judgement;
  const differences = differencesOf(judgement);
  const tables = [
    asMarkdown(resultColumns, results),
    ...(differences.length === 0 ? [] : [asMarkdown(differenceColumns, differences)]),
  ];
  return `${task.name}\n\n${tables.join('\n\n')}\n`;
}
