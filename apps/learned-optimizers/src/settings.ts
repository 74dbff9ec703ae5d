/** @file Tasks, optimizers and estimators of the registries as settings of an experiment. */
import type { RandomStream } from '@weightspace/compute';
import type { Json } from '@weightspace/experiment';
import { createTaskFamily, estimatorKinds, optimizerKinds, taskFamilyKinds } from '@weightspace/learned-optimizer';
import type { Settings, Task } from '@weightspace/learned-optimizer';

/** A kind with settings of its own beside it, as the variants of `<name>.kind` have it. */
export type Choice = { readonly kind: string } & Settings;

interface Registered {
  readonly kind: string;
  readonly settings: Settings;
}
const variantsOf = (kinds: readonly Registered[]): { readonly [kind: string]: Settings } =>
  Object.fromEntries(kinds.map(({ kind, settings }) => [kind, settings]));

/** Of the experiments' settings `task.kind`, `optimizer.kind` and `estimator.kind`. */
export const taskVariants = () => ({ 'task.kind': variantsOf(taskFamilyKinds()) });
export const trainingVariants = () => ({
  ...taskVariants(),
  'optimizer.kind': variantsOf(optimizerKinds()),
  'estimator.kind': variantsOf(estimatorKinds()),
});

const choiceOf = (kinds: readonly Registered[], kind: string): Choice => ({
  ...kinds.find((own) => own.kind === kind)!.settings,
  kind,
});
export const taskChoice = (kind: string): Choice => choiceOf(taskFamilyKinds(), kind);
export const optimizerChoice = (kind: string): Choice => choiceOf(optimizerKinds(), kind);
export const estimatorChoice = (kind: string): Choice => choiceOf(estimatorKinds(), kind);

/** The kind, and the settings without it. */
export function split({ kind, ...settings }: Choice): { readonly kind: string; readonly settings: Settings } {
  return { kind, settings: settings as Settings };
}

/** Tasks that are drawn from a family; equal streams draw equal ones. */
export function tasksOf(choice: Choice, count: number, stream: RandomStream): readonly Task[] {
  const { kind, settings } = split(choice);
  const family = createTaskFamily(kind, settings);
  return Array.from({ length: count }, (_, i) => family.sample(stream.split('task').split(i)));
}

/** Tasks that a meta-training with the same stream doesn't draw. */
export const heldOutTasks = (choice: Choice, count: number, stream: RandomStream): readonly Task[] =>
  tasksOf(choice, count, stream.split('held-out'));

/** Optimizers that are learned and not a hand-made rule, nor one with learned hyperparameters. */
export const learnedKinds = (): readonly string[] => {
  const kinds = optimizerKinds().map(({ kind }) => kind);
  return kinds.filter((kind) => !kind.startsWith('learnable-') && !kinds.includes(`learnable-${kind}`));
};

/** Frozen settings as they stand in a file. */
export const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;
