/** @file Gradients that wait. */
import { tf, withPrefix } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { checkWhole } from '../kinds.ts';
import type { LearnedOptimizer } from '../optimizers/learned-optimizer.ts';
import { beside, networksIn } from '../optimizers/per-network.ts';

const PREFIX = 'waiting.';

/**
 * An optimizer that gets each gradient, and the loss beside it, `delay` steps late; those of a network's first step stand in for the
 * ones before them. They wait in the state, as `waiting.1.…`, the oldest, to `waiting.<delay>.…`.
 *
 * @throws {LearnedOptimizerError} unless the delay is a whole number ≥ 0
 */
export function delayed(optimizer: LearnedOptimizer, delay: number): LearnedOptimizer {
  checkWhole('delayed', 'delay', delay, 0);
  if (delay === 0) return optimizer;
  const places = Array.from({ length: delay }, (_, i) => `${PREFIX}${i + 1}.`);
  return {
    ...optimizer,
    start: (params) => {
      const waiting: Tensors = { ...withPrefix('gradient.', params), loss: tf.zeros([networksIn(params)]) };
      const zeros = Object.fromEntries(Object.entries(waiting).map(([name, x]) => [name, tf.zerosLike(x)]));
      return Object.assign({}, optimizer.start(params), ...places.map((place) => withPrefix(place, zeros))) as Tensors;
    },
    update: (meta, state, params, grads, context) => {
      const now: Tensors = {
        ...withPrefix('gradient.', grads),
        loss: context.loss ?? tf.zeros([networksIn(params)]),
      };
      const first = tf.lessEqual(context.step, 0);
      // Oldest first.
      const waiting = places.map((place) => {
        const filled = (name: string, x: Tensor): Tensor => tf.where(beside(first, x), x, state[`${place}${name}`]!);
        return Object.fromEntries(Object.entries(now).map(([name, x]) => [name, filled(name, x)])) as Tensors;
      });
      const [oldest, ...rest] = [...waiting, now];
      const late = Object.fromEntries(Object.keys(grads).map((name) => [name, oldest!['gradient.' + name]!]));
      const own = Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(PREFIX)));
      const next = optimizer.update(meta, own, params, late, {
        ...context,
        ...(context.loss && { loss: oldest!['loss']! }),
      });
      const kept = rest.map((tensors, i) => withPrefix(places[i]!, tensors));
      return { params: next.params, state: Object.assign({}, next.state, ...kept) as Tensors };
    },
  };
}
