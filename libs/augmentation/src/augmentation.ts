/** @file What an augmentation is. */
import type { Architecture } from '@weightspace/architecture';
import { withoutPrefix, withPrefix } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensors } from '@weightspace/compute';

/** A random change of networks. Its randomness is drawn outside of the compiled step and passed in. */
export interface Augmentation {
  readonly name: string;
  /**
   * `exact`: the networks compute the same function. `input`: they compute it on transformed inputs, exactly.
   * `approximate`: something near.
   */
  readonly kind: 'exact' | 'input' | 'approximate';
  /** Random arrays for a batch of B networks. */
  readonly draw: (architecture: Architecture, batch: number, stream: RandomStream) => NdArrays;
  /** Pure and traceable. @param weights by parameter; shape `[B, …shape]` @param draws from `draw` */
  readonly apply: (architecture: Architecture, weights: Tensors, draws: Tensors) => Tensors;
}

/** One after another; the draws of each are kept apart by position. */
export function compose(augmentations: readonly Augmentation[]): Augmentation {
  const kinds = new Set(augmentations.map(({ kind }) => kind));
  return {
    name: augmentations.length === 0 ? 'none' : augmentations.map(({ name }) => name).join('+'),
    kind: kinds.has('approximate') ? 'approximate' : kinds.has('input') ? 'input' : 'exact',
    draw: (architecture, batch, stream) =>
      Object.assign(
        {},
        ...augmentations.map((a, i) => withPrefix(`${i}/`, a.draw(architecture, batch, stream.split(i).split(a.name)))),
      ) as NdArrays,
    apply: (architecture, weights, draws) =>
      augmentations.reduce((current, a, i) => a.apply(architecture, current, withoutPrefix(`${i}/`, draws)), weights),
  };
}
