/** @file What the experiments begin with: from settings to a task, and to the models that take it. */
import type { RunContext } from '@weightspace/experiment';
import { UsageError } from '@weightspace/experiment';

import { recipesFor } from '../models/models.ts';
import { recipes, standardTraining } from '../models/recipes.ts';
import type { ModelRecipe } from '../models/recipes.ts';
import { shareOfRuns, standardParts } from '../splits/parts.ts';
import { where } from '../splits/where.ts';
import type { Task, TrainingSettings } from '../training/train-predictor.ts';
import { loadRows, selectRows, targetOf } from '../zoo/load-rows.ts';
import type { Rows } from '../zoo/load-rows.ts';
import { describeTask } from './study.ts';

export interface SharedSettings {
  readonly zoo: string;
  readonly otherZoos: readonly string[];
  readonly where: string;
  readonly target: string;
  readonly share: number;
  readonly samples: number;
}

/** Of experiments that compare models. */
export interface ComparisonSettings extends SharedSettings {
  readonly models: readonly string[];
  readonly seeds: readonly number[];
  readonly training: TrainingSettings;
}

/** The settings of a run, and the zoo's rows that they name, which it tells. */
export async function begin<S extends SharedSettings>(
  context: RunContext,
): Promise<{ readonly settings: S; readonly task: Task }> {
  const settings = context.config as unknown as S;
  const task = await loadTask(context, settings);
  context.say(describeTask(task));
  return { settings, task };
}

async function loadTask(
  context: RunContext,
  { zoo, otherZoos, where: only, target, share }: SharedSettings,
): Promise<Task> {
  const all = await loadRows([zoo, ...otherZoos]);
  const rows = only === '' ? all : rowsWhere(all, only);
  const values = targetOf(rows, target);
  return shareOf(context, { rows, target: values, parts: standardParts(rows, values) }, share);
}

/** Those of the models that take the zoo; the others are named. */
export function modelsOf(context: RunContext, { rows }: Task, models: readonly string[]): readonly string[] {
  const { taken, left } = recipesFor(rows, models);
  if (left.length > 0) context.say(`left out, since they take one architecture: ${left.join(', ')}`);
  return taken;
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
