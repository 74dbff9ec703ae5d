/** @file What a learned optimizer trains, and families of that. */
import type { Architecture } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { KindRegistry, settingsOf } from '../kinds.ts';
import type { Kind, Settings } from '../kinds.ts';

/** Which part of a task's data. */
export type Part = 'train' | 'validation' | 'test';

/**
 * What a learned optimizer trains: networks of one architecture on data. Letters: N networks.
 *
 * `loss`, `normalize` and `metrics` are pure and may be compiled; network n depends on row n of its arguments alone.
 */
export interface Task {
  readonly name: string;
  readonly architecture: Architecture;
  /** Parameters of `count` networks at their start, by name; shape `[count, …shape]`. */
  readonly initialize: (stream: RandomStream, count: number) => NdArrays;
  /** Data of one inner step of `count` networks; the first axis of every array is the network. {} where a task has none. */
  readonly batch: (stream: RandomStream, part: Part, count: number) => NdArrays;
  /** @param params shape `[N, …shape]` @returns shape `[N]` */
  readonly loss: (params: Tensors, batch: Tensors) => Tensor;
  /** To a scale that tasks share; never falls where the loss rises, and is finite for anything, NaN too. @returns shape `[N]` */
  readonly normalize: (loss: Tensor) => Tensor;
  /** Steps by which gradients reach an optimizer late; 0 when absent. Whoever trains sees to it, as `truncatedStep` does. */
  readonly gradientDelay?: number;
  /** Other measures of the same data, e.g. `accuracy`; shape `[N]` each. */
  readonly metrics?: (params: Tensors, batch: Tensors) => Record<string, Tensor>;
}

/** Tasks that are drawn: width, depth, activation, start, data. */
export interface TaskFamily {
  readonly name: string;
  readonly sample: (stream: RandomStream) => Task;
}

/** What a family in the registry says of itself. */
export interface TaskKind<S extends Settings = Settings> extends Kind<S> {
  /** @throws {LearnedOptimizerError} on settings that aren't possible */
  readonly create: (settings: S) => TaskFamily;
}

const registry = new KindRegistry<TaskKind>('task family');

/** @throws {RangeError} when the kind is taken */
export const registerTaskFamily = <S extends Settings>(kind: TaskKind<S>): void =>
  registry.register(kind as unknown as TaskKind);
export const taskFamilyKinds = (): readonly TaskKind[] => registry.all();

/**
 * @param overrides settings that differ from the kind's defaults
 * @throws {LearnedOptimizerError} on an unknown kind, or settings that aren't possible
 */
export function createTaskFamily(kind: string, overrides: Settings = {}): TaskFamily {
  const found = registry.get(kind);
  return found.create(settingsOf(found, overrides));
}

/** The loss where it lies within ±cap, else the nearer end; the cap for NaN. */
export function clipped(loss: Tensor, cap: number): Tensor {
  const below: Tensor = tf.where(tf.less(loss, cap), loss, tf.fill(loss.shape, cap));
  return tf.where(tf.greater(below, -cap), below, tf.fill(loss.shape, -cap));
}
