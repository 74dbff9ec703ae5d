/** @file All optimizers as one update whose coefficients differ, so that each network of a stack may have its own. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

export type OptimizerName = 'sgd' | 'momentum' | 'adam' | 'rmsprop' | 'adagrad';
export const optimizers: readonly OptimizerName[] = ['sgd', 'momentum', 'adam', 'rmsprop', 'adagrad'];

/**
 * Coefficients of
 *
 *     m ← decayM · m + addM · g        v ← decayV · v + addV · g²
 *     p ← p − factor · m / (root · √v + floor)
 */
export interface Coefficients {
  readonly decayM: number;
  readonly addM: number;
  readonly decayV: number;
  readonly addV: number;
  /** Times the learning rate. */
  readonly factor: number;
  readonly root: number;
  readonly floor: number;
}

const EPSILON = 1e-7;
const [MOMENTUM, BETA1, BETA2, RHO] = [0.9, 0.9, 0.999, 0.9];
const plain = { decayM: 0, addM: 1, decayV: 0, addV: 0, factor: 1, root: 0, floor: 1 };

/**
 * @param step counted from 1
 * Source: Sutskever et al. 2013 (momentum 0.9, PyTorch's form); Kingma and Ba 2015, arXiv:1412.6980, algorithm 1 (β₁ 0.9,
 * β₂ 0.999, ε 1e-7 as Keras); Hinton's lecture 6e (RMSProp, ρ 0.9, ε 1e-7 beside the root); Duchi et al. 2011 (AdaGrad).
 * Departs: nothing.
 */
export function coefficientsOf(optimizer: OptimizerName, step: number): Coefficients {
  switch (optimizer) {
    case 'sgd':
      return plain;
    case 'momentum':
      return { ...plain, decayM: MOMENTUM };
    case 'adam': {
      const [first, second] = [1 - BETA1 ** step, 1 - BETA2 ** step];
      const moments = { decayM: BETA1, addM: 1 - BETA1, decayV: BETA2, addV: 1 - BETA2 };
      return { ...moments, factor: 1 / first, root: 1 / Math.sqrt(second), floor: EPSILON };
    }
    case 'rmsprop':
      return { ...plain, decayV: RHO, addV: 1 - RHO, root: 1, floor: EPSILON };
    case 'adagrad':
      return { ...plain, decayV: 1, addV: 1, root: 1, floor: EPSILON };
  }
}

/** What a step is told of each network, as columns of one array `[N, columns.length]`. */
export const columns = [
  'active',
  'decayM',
  'addM',
  'decayV',
  'addV',
  'rate',
  'root',
  'floor',
  'l2',
  'keep',
  'clipNorm',
] as const;
export type Column = (typeof columns)[number];

/** Parameters and moments of N networks; each `[N, F]`. */
export interface FlatState {
  readonly p: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/**
 * One update of N networks, each by its own optimizer; networks that aren't active stay as they are.
 *
 * Letters: N networks, F parameters of one.
 * @param gradient_nf shape `[N, F]` @param column a setting of each network; shape `[N, 1]`
 * @param decayed_f 1 for weights, else 0
 */
export function updateStack(
  { p, m, v }: FlatState,
  gradient_nf: Tensor,
  column: (name: Column) => Tensor,
  decayed_f: Tensor,
  clips: boolean,
): FlatState {
  const clipped = clips ? clip(gradient_nf, column('clipNorm')) : gradient_nf;
  const g = tf.add(clipped, tf.mul(tf.mul(p, decayed_f), column('l2')));
  const nextM = tf.add(tf.mul(m, column('decayM')), tf.mul(g, column('addM')));
  const nextV = tf.add(tf.mul(v, column('decayV')), tf.mul(tf.square(g), column('addV')));
  const scale = tf.add(tf.mul(tf.sqrt(nextV), column('root')), column('floor'));
  const kept = tf.mul(p, tf.sub(1, tf.mul(decayed_f, tf.sub(1, column('keep')))));
  const nextP = tf.sub(kept, tf.div(tf.mul(nextM, column('rate')), scale));
  const active = tf.greater(column('active'), 0);
  const chosen = (next: Tensor, old: Tensor): Tensor => tf.where(tf.broadcastTo(active, old.shape), next, old);
  return { p: chosen(nextP, p), m: chosen(nextM, m), v: chosen(nextV, v) };
}

/** Each network's gradient, shortened to its longest. */
function clip(gradient_nf: Tensor, longest_n1: Tensor): Tensor {
  const norm = tf.sqrt(tf.sum(tf.square(gradient_nf), 1, true));
  return tf.mul(gradient_nf, tf.minimum(1, tf.div(longest_n1, tf.add(norm, 1e-12))));
}
