/** @file Trained optimizers where any other optimizer of libs/compute can stand. */
import type { Architecture } from '@weightspace/architecture';
import { fromTensor, mapValues, tf, toTensor, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { NdArray, NdArrays, Optimizer, Tensor } from '@weightspace/compute';

import { copied } from '../inner-training/rate-envelope.ts';
import type { SavedOptimizer } from './saved-optimizer.ts';

export interface TrainingOptimizerOptions {
  /** Whether parameters are stacks, `[N, …shape]`, as for bulk training; one network when absent. */
  readonly stacked?: boolean;
  /** Steps of the training, for kinds that look at what is left of it. */
  readonly horizon?: number;
}

/**
 * A trained optimizer as the `Optimizer` of a compiled training step, its meta-parameters fixed in the graph.
 *
 * State: `step`, and what the kind remembers as `memory.<name>`, both with the axis N. The rate scales the step,
 * p ← p + rate · (p′ − p): pass 1 for what was learned.
 *
 * @throws {SavedOptimizerError} when its meta-parameters don't fit the architecture
 * @throws {LearnedOptimizerError} when its kind doesn't take such networks
 */
export function trainingOptimizer(
  saved: SavedOptimizer,
  architecture: Architecture,
  { stacked = false, horizon }: TrainingOptimizerOptions = {},
): Optimizer {
  const optimizer = saved.on(architecture);
  const meta = copied(saved.meta, 1);
  const stack = (x: Tensor): Tensor => (stacked ? x : tf.expandDims(x, 0));
  const unstack = (x: Tensor): Tensor => (stacked ? x : tf.squeeze(x, [0]));
  return {
    name: saved.kind,
    init: (params): NdArrays => {
      const memory: Record<string, NdArray> = {};
      const begun = tf.tidy(() =>
        mapValues(optimizer.start(mapValues(params, (array) => stack(toTensor(array)))), (x): Tensor => tf.clone(x)),
      );
      for (const [name, tensor] of Object.entries(begun)) {
        memory[name] = fromTensor(tensor);
        tensor.dispose();
      }
      const count = stacked ? Object.values(params)[0]!.shape[0]! : 1;
      const step = { dtype: 'float32', shape: [count], data: new Float32Array(count) } as const;
      return { step, ...withPrefix('memory.', memory) };
    },
    update: (grads, state, params, rate) =>
      tf.tidy(() => {
        const step = state['step']!;
        const own = mapValues(meta, toTensor);
        const before = mapValues(params, stack);
        const context = { step, ...(horizon === undefined ? {} : { horizon: tf.fill(step.shape, horizon) as Tensor }) };
        const next = optimizer.update(own, withoutPrefix('memory.', state), before, mapValues(grads, stack), context);
        const moved = mapValues(next.params, (p, name): Tensor => unstack(scaled(before[name]!, p, rate)));
        const memory = mapValues(state, (_, name): Tensor =>
          name === 'step' ? tf.add(step, 1) : next.state[name.slice('memory.'.length)]!,
        );
        return { params: moved, state: memory };
      }),
  };
}

const scaled = (before: Tensor, after: Tensor, rate: number | Tensor): Tensor =>
  rate === 1 ? after : tf.add(before, tf.mul(tf.sub(after, before), rate));
