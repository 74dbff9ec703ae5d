/** @file The experiment `transfer`: saved optimizers on tasks that they weren't trained on. */
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import { LearnedOptimizerError, SavedOptimizerError } from '@weightspace/learned-optimizer';

import { judge, metricsOf } from '../evaluation/judge.ts';
import type { JudgeSettings, Judgement, Named, Result } from '../evaluation/judge.ts';
import { namedOptimizers } from '../evaluation/optimizers.ts';
import { transferTasks } from '../evaluation/transfer-tasks.ts';
import { asMarkdown, resultColumns, resultsAsCsv } from '../report/table.ts';
import { heldOutTasks } from '../settings.ts';
import { descriptions, rules, shared } from './shared.ts';

const config = { ...shared, tasks: Object.keys(transferTasks) as readonly string[] };

export const transfer = defineExperiment({
  name: 'learned-optimizers-transfer',
  claim:
    'An optimizer that was learned on one network lowers the loss of wider and deeper ones faster than Adam with its best rate; ' +
    'refuted where the 95 % interval of the difference reaches 0.',
  config: config as never as typeof config,
  configurations: {
    full: {},
    quick: {
      tasks: ['as-trained', 'wider', 'deeper', 'mnist'],
      steps: 100,
      every: 10,
      runs: 4,
      baseline: { runs: 2, longer: 2 },
    },
  } as never,
  rules,
  check: ({ tasks }: { readonly tasks: readonly string[] }) => problemOfTasks(tasks),
  descriptions: { ...descriptions, tasks: `of ${Object.keys(transferTasks).join(', ')}` },
  run,
});

function problemOfTasks(tasks: readonly string[]): string | undefined {
  const wrong = tasks.find((name, i) => !Object.hasOwn(transferTasks, name) || tasks.indexOf(name) !== i);
  if (wrong === undefined && tasks.length > 0) return undefined;
  return `tasks: must be different ones of ${Object.keys(transferTasks).join(', ')}, got ${JSON.stringify(tasks)}`;
}

interface Row {
  readonly task: string;
  readonly result: Result;
}

async function run(context: RunContext) {
  const settings = context.config as unknown as JudgeSettings & {
    readonly optimizers: readonly string[];
    readonly tasks: readonly string[];
  };
  const optimizers = namedOptimizers(settings.optimizers);
  const rows: Row[] = [];
  const left: string[] = [];
  for (const name of settings.tasks) {
    const [task] = heldOutTasks(transferTasks[name]!, 1, context.stream);
    const fitting = optimizers.filter((own) => fits(own, task!.architecture, (why) => left.push(`${name}: ${why}`)));
    if (fitting.length === 0) continue;
    context.say(`${name}: ${task!.name}, ${task!.architecture.parameterCount.toLocaleString('en')} parameters`);
    const { results }: Judgement = await judge(context, `${name}-`, task!, fitting, settings);
    rows.push(...results.map((result) => ({ task: name, result })));
  }
  const table = asMarkdown(
    [
      ['task', 'left', ({ task }: Row) => task],
      ...resultColumns.map(([title, align, text]) => [title, align, ({ result }: Row) => text(result)] as const),
    ],
    rows,
  );
  context.say(`\n${table}\n`);
  for (const why of left) context.warn(`left out: ${why}`);
  context.writeArtifact('transfer.md', `${table}\n\n${left.map((why) => `- left out: ${why}`).join('\n')}\n`);
  context.writeArtifact(
    'transfer.csv',
    resultsAsCsv(
      rows.map(({ result }) => result),
      rows.map(({ task }) => ({ task })),
    ),
  );
  const learned = rows.filter(({ result }) => !result.isBaseline);
  return {
    metrics: {
      tasks: new Set(rows.map(({ task }) => task)).size,
      better: learned.filter(({ result }) => result.lead.high < 0).length,
      worse: learned.filter(({ result }) => result.lead.low > 0).length,
      'left-out': left.length,
    },
    baselines: Object.fromEntries(rows.map(({ task, result }) => [`${task}: ${result.name}`, metricsOf(result)])),
  };
}

function fits(
  { name, saved }: Named,
  architecture: Parameters<typeof saved.on>[0],
  tell: (why: string) => void,
): boolean {
  try {
    saved.on(architecture);
    return true;
  } catch (error) {
    if (!(error instanceof SavedOptimizerError || error instanceof LearnedOptimizerError)) throw error;
    tell(`${name}: ${error.message}`);
    return false;
  }
}
