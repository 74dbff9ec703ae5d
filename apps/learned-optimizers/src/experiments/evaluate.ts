/** @file The experiment `evaluate`: saved optimizers on one task. */
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';

import { judge, metricsOf } from '../evaluation/judge.ts';
import type { JudgeSettings } from '../evaluation/judge.ts';
import { namedOptimizers } from '../evaluation/optimizers.ts';
import { recordOf, writeRecord } from '../evaluation/record.ts';
import { curvePlots } from '../report/plots.ts';
import { asMarkdown, curvesAsCsv, resultColumns, resultsAsCsv } from '../report/table.ts';
import { taskChoice, tasksOf, taskVariants } from '../settings.ts';
import type { Choice } from '../settings.ts';
import { descriptions, rules, shared } from './shared.ts';

const config = { ...shared, task: taskChoice('image-mlp'), record: false };

/** Of the optimizers in data/pretrained-optimizers, which their files' curves come from. */
const pretrained = {
  optimizers: ['mlp-unf-lopt', 'adafac-mlp-lopt'].map((name) => `data/pretrained-optimizers/${name}`),
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
  rules,
  descriptions: {
    ...descriptions,
    'task.kind': 'family of tasks; its own settings follow it',
    record: "write the curves into the optimizers' files, where later evaluations with these settings compare theirs",
  },
  run,
});

async function run(context: RunContext) {
  const settings = context.config as unknown as JudgeSettings & {
    readonly optimizers: readonly string[];
    readonly task: Choice;
    readonly record: boolean;
  };
  const optimizers = namedOptimizers(settings.optimizers);
  const [task] = tasksOf(settings.task, 1, context.stream);
  context.say(`${optimizers.map(({ name }) => name).join(', ')} on ${task!.name}`);
  const judgement = await judge(context, '', task!, optimizers, settings);
  if (settings.record)
    judgement.results
      .slice(1)
      .forEach(({ curves }, i) => writeRecord(optimizers[i]!.saved, recordOf(context, task!, curves, settings)));
  const table = asMarkdown(resultColumns, judgement.results);
  context.say(`\n${table}\n`);
  context.writeArtifact(
    'evaluation.md',
    `${task!.name}, ${settings.steps} steps, ${settings.runs} networks\n\n${table}\n`,
  );
  context.writeArtifact('evaluation.csv', resultsAsCsv(judgement.results));
  context.writeArtifact('curves.csv', curvesAsCsv(judgement));
  for (const { name, plot, caption } of await curvePlots(judgement)) await context.savePlot(name, plot, caption);
  const [baseline, first, ...others] = judgement.results;
  return {
    metrics: { ...metricsOf(first!), 'baseline-rate': judgement.rate },
    baselines: Object.fromEntries([baseline!, ...others].map((result) => [result.name, metricsOf(result)])),
  };
}
