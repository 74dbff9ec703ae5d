/** @file Adam and AdamW. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import type { Hyperparameter, Rule } from './rule.ts';

const hyperparameters: { readonly [name: string]: Hyperparameter } = {
  rate: { value: 1e-3, form: 'log' },
  beta1: { value: 0.9, form: 'log-complement' },
  beta2: { value: 0.999, form: 'log-complement' },
  epsilon: { value: 1e-8, form: 'log' },
};
const start = (p: Tensor): Tensors => ({ m: tf.zerosLike(p), v: tf.zerosLike(p) });

/**     m ← β₁ m + (1−β₁) g;   v ← β₂ v + (1−β₂) g²;   direction = m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε) */
function moments({ beta1, beta2, epsilon }: Tensors, { m, v }: Tensors, g: Tensor, t: Tensor) {
  const mean = (old: Tensor, value: Tensor, beta: Tensor): Tensor =>
    tf.add(tf.mul(old, beta), tf.mul(value, tf.sub(1, beta)));
  const corrected = (value: Tensor, beta: Tensor): Tensor => tf.div(value, tf.sub(1, tf.pow(beta, t)));
  const slots = { m: mean(m!, g, beta1!), v: mean(v!, tf.square(g), beta2!) };
  const root = tf.sqrt(corrected(slots.v, beta2!));
  const direction: Tensor = tf.div(corrected(slots.m, beta1!), tf.add(root, epsilon!));
  return { slots, direction };
}

/** Adam. Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1. Departs: nothing. */
export const adam: Rule = {
  kind: 'adam',
  source: 'Kingma and Ba 2015, arXiv:1412.6980, algorithm 1',
  hyperparameters,
  start,
  step: (h, slots, p, g, t) => {
    const made = moments(h, slots, g, t);
    return { p: tf.sub(p, tf.mul(h['rate']!, made.direction)), slots: made.slots };
  },
};

/** Adam with weight decay of its own: p ← (1 − rate · λ) p first. Source: Loshchilov and Hutter 2019. Departs: as PyTorch's. */
export const adamW: Rule = {
  kind: 'adam-w',
  source: "Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2, in PyTorch's form",
  hyperparameters: { ...hyperparameters, weightDecay: { value: 0.01, form: 'log' } },
  start,
  step: (h, slots, p, g, t) => {
    const made = moments(h, slots, g, t);
    const kept = tf.mul(p, tf.sub(1, tf.mul(h['rate']!, h['weightDecay']!)));
    return { p: tf.sub(kept, tf.mul(h['rate']!, made.direction)), slots: made.slots };
  },
};
