/** @file Gradient descent, with and without momentum. */
import { tf } from '@weightspace/compute';

import type { Rule } from './rule.ts';

/**     p ← p − rate · g */
export const sgd: Rule = {
  kind: 'sgd',
  source: 'Robbins and Monro 1951',
  hyperparameters: { rate: { value: 0.01, form: 'log' } },
  start: () => ({}),
  step: ({ rate }, _, p, g) => ({ p: tf.sub(p, tf.mul(rate!, g)), slots: {} }),
};

/**     m ← decay · m + g;   p ← p − rate · m */
export const momentum: Rule = {
  kind: 'momentum',
  source: "Sutskever et al. 2013, section 2, in PyTorch's form",
  hyperparameters: { rate: { value: 0.01, form: 'log' }, decay: { value: 0.9, form: 'log-complement' } },
  start: (p) => ({ m: tf.zerosLike(p) }),
  step: ({ rate, decay }, slots, p, g) => {
    const m = tf.add(tf.mul(slots['m']!, decay!), g);
    return { p: tf.sub(p, tf.mul(rate!, m)), slots: { m } };
  },
};
