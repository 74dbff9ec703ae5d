/** @file Adafactor. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { factoredAxes, rowsAndColumns } from './factored.ts';
import type { Rule } from './rule.ts';

/** Root of the mean square over all of a network's parameter; shape `[N, 1, …]`. */
const rms = (x: Tensor): Tensor => tf.sqrt(tf.mean(tf.square(x), x.shape.map((_, axis) => axis).slice(1), true));

/**
 * Adafactor with second moments of rows and columns.
 *
 *     β = 1 − t^(−decayExponent);   R ← β R + (1−β) mean_columns(g² + ε₁);   C likewise over rows;   V = R C / mean(R)
 *     u = g/√V;   u ← u / max(1, rms(u)/clip);   p ← p − rate · max(ε₂, rms(p)) · u
 *
 * Parameters with one axis keep V whole; of more than two the two largest are rows and columns.
 * Source: Shazeer and Stern 2018, "Adafactor", arXiv:1804.04235, algorithm 4. Departs: the relative rate is constant.
 */
export const adafactor: Rule = {
  kind: 'adafactor',
  source: 'Shazeer and Stern 2018, arXiv:1804.04235, algorithm 4, with a constant relative rate',
  hyperparameters: {
    rate: { value: 0.01, form: 'log' },
    decayExponent: { value: 0.8, form: 'log' },
    clip: { value: 1, form: 'log' },
    epsilon1: { value: 1e-30, form: 'log' },
    epsilon2: { value: 1e-3, form: 'log' },
  },
  start: (p): Tensors => {
    const axes = factoredAxes(p.shape);
    if (!axes) return { v: tf.zerosLike(p) };
    const { rows, columns } = rowsAndColumns(tf.zerosLike(p), axes);
    return { rows, columns };
  },
  step: ({ rate, decayExponent, clip, epsilon1, epsilon2 }, slots, p, g, t) => {
    const beta = tf.sub(1, tf.pow(t, tf.neg(decayExponent!)));
    const square = tf.add(tf.square(g), epsilon1!);
    const next = secondMoments(slots, square, beta);
    const u = tf.div(g, tf.sqrt(next.v));
    const short = tf.div(u, tf.maximum(1, tf.div(rms(u), clip!)));
    const relative = tf.mul(rate!, tf.maximum(epsilon2!, rms(p)));
    return { p: tf.sub(p, tf.mul(relative, short)), slots: next.slots };
  },
};

function secondMoments(slots: Tensors, square: Tensor, beta: Tensor): { readonly v: Tensor; readonly slots: Tensors } {
  const follow = (old: Tensor, value: Tensor): Tensor => tf.add(tf.mul(old, beta), tf.mul(value, tf.sub(1, beta)));
  const axes = factoredAxes(square.shape);
  if (!axes) {
    const v = follow(slots['v']!, square);
    return { v, slots: { v } };
  }
  const now = rowsAndColumns(square, axes);
  const rows = follow(slots['rows']!, now.rows);
  const columns = follow(slots['columns']!, now.columns);
  // Relative first: the product of the two could be too small for a float32.
  const v = tf.mul(tf.div(rows, tf.mean(rows, axes.row, true)), columns);
  return { v, slots: { rows, columns } };
}
