/** @file From settings to a task. */
import type { RunContext } from '@weightspace/experiment';
import { UsageError } from '@weightspace/experiment';

import { recipes, standardTraining } from '../models/recipes.ts';
import type { ModelRecipe } from '../models/recipes.ts';
import { shareOfRuns, standardParts } from '../splits/parts.ts';
import type { Parts } from '../splits/parts.ts';
import { where } from '../splits/where.ts';
import type { Task, TrainingSettings } from '../training/train-predictor.ts';
import { loadRows, selectRows, targetOf } from '../zoo/load-rows.ts';
import type { Rows } from '../zoo/load-rows.ts';

export interface SharedSettings {
  readonly zoo: string;
  readonly otherZoos: readonly string[];
  readonly where: string;
  readonly target: string;
  readonly share: number;
  readonly samples: number;
}

/** @param cut which parts; the zoo's own split unless said otherwise */
export async function loadTask(
  context: RunContext,
  { zoo, otherZoos, where: only, target, share }: SharedSettings,
  cut: (rows: Rows, target: Float64Array) => Parts = standardParts,
): Promise<Task> {
  const all = await loadRows([zoo, ...otherZoos]);
  const rows = only === '' ? all : rowsWhere(all, only);
  const values = targetOf(rows, target);
  return shareOf(context, { rows, target: values, parts: cut(rows, values) }, share);
}

function rowsWhere(rows: Rows, text: string): Rows {
  const holds = where(rows.columns, text);
  const kept = Int32Array.from([...rows.runs.keys()].filter(holds));
  if (kept.length > 0) return selectRows(rows, kept);
  throw new UsageError(`where: must hold for some rows of ${rows.paths.join(' and ')}, got '${text}'`);
}

/** The task with a share of the training's runs; that of all seeds is the same. */
export function shareOf(context: RunContext, task: Task, share: number): Task {
  if (share >= 1) return task;
  if (!(share > 0)) throw new UsageError(`share: must be above 0, got ${share}`);
  const order = (run: number) => context.stream.split('share').split(run).next();
  return { ...task, parts: { ...task.parts, train: shareOfRuns(task.rows, task.parts.train, share, order) } };
}

export const recipe = (name: string): ModelRecipe => recipes[name]!;

/** A recipe's own training, where the run's settings are the standard ones. */
export function trainingFor(name: string, settings: TrainingSettings): TrainingSettings {
  const own = Object.entries(recipe(name).training).filter(
    ([key]) => settings[key as keyof TrainingSettings] === standardTraining[key as keyof TrainingSettings],
  );
  return { ...settings, ...Object.fromEntries(own) };
}
