/** @file Changes of tasks that make other tasks of them, as augmentations of data do with examples. */
import type { RandomStream } from '@weightspace/compute';

import { KindRegistry, settingsOf } from '../kinds.ts';
import type { Kind, Settings } from '../kinds.ts';
import type { Task, TaskFamily } from './task.ts';

/** What an augmentation in the registry says of itself. */
export interface AugmentationKind<S extends Settings = Settings> extends Kind<S> {
  /** @throws {LearnedOptimizerError} on settings that aren't possible */
  readonly create: (settings: S) => (task: Task, stream: RandomStream) => Task;
}

const registry = new KindRegistry<AugmentationKind>('task augmentation');

/** @throws {RangeError} when the kind is taken */
export const registerAugmentation = <S extends Settings>(kind: AugmentationKind<S>): void =>
  registry.register(kind as unknown as AugmentationKind);
export const augmentationKinds = (): readonly AugmentationKind[] => registry.all();

/**
 * A family whose tasks are those of another one, changed; what is random of the change is drawn for each task.
 *
 * @param overrides settings that differ from the kind's defaults
 * @throws {LearnedOptimizerError} on an unknown kind, or settings that aren't possible
 */
export function augmentFamily(family: TaskFamily, kind: string, overrides: Settings = {}): TaskFamily {
  const found = registry.get(kind);
  const augment = found.create(settingsOf(found, overrides));
  const name = `${family.name}, ${kind}`;
  return { name, sample: (stream) => augment(family.sample(stream), stream.split(name)) };
}
