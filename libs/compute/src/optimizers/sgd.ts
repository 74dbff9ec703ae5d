import { mapValues, zeros } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { checkFraction, checkNotNegative, checkUpdate, rateOf, tidied } from './optimizer.ts';
import type { Optimizer } from './optimizer.ts';

export interface SgdOptions {
  /** μ in [0, 1); 0: none, and no state. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2 penalty λ: λ p is added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent.
 *
 *     g ← g + λ p;   m ← μ m + g;   p ← p − rate · m           (nesterov: p ← p − rate · (g + μ m))
 *
 * State: `m.<name>`, or nothing without momentum.
 * @throws {RangeError} when an option is out of range, or nesterov is asked for without momentum
 * Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", section 2; PyTorch's `SGD`.
 * Departs: no dampening.
 */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  checkFraction('sgd', 'momentum', momentum);
  checkNotNegative('sgd', 'weightDecay', weightDecay);
  if (nesterov && momentum === 0)
    throw new RangeError('sgd: momentum must be above 0 with nesterov, got 0; set it, e.g. to 0.9');
  return {
    name: 'sgd',
    init: (params) =>
      momentum === 0 ? {} : Object.fromEntries(Object.entries(params).map(([n, p]) => [`m.${n}`, zeros(p.shape)])),
    update: (grads, state, params, rate) =>
      tidied(() => {
        checkUpdate('sgd', grads, state, params, momentum === 0 ? [] : ['m']);
        const factor = rateOf('sgd', rate);
        const moments: Record<string, Tensor> = {};
        const moved = mapValues(params, (p, name) => {
          const g = weightDecay === 0 ? grads[name]! : tf.add(grads[name]!, tf.mul(p, weightDecay));
          if (momentum === 0) return tf.sub(p, tf.mul(g, factor));
          const m: Tensor = tf.add(tf.mul(state[`m.${name}`]!, momentum), g);
          moments[`m.${name}`] = m;
          return tf.sub(p, tf.mul(nesterov ? tf.add(g, tf.mul(m, momentum)) : m, factor));
        });
        return { params: moved, state: moments };
      }),
  };
}
