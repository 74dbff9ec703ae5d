/** @file What Adam and AdamW have in common. */
import { mapValues, scalar, zeros } from '../nd-array.ts';
import type { NdArray, NdArrays, Tensors } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { checkFraction, checkNotNegative, checkUpdate, rateOf, stateOf, tidied } from './optimizer.ts';
import type { Optimizer, Rate, Updated } from './optimizer.ts';
import { apart, joined, updateGroups } from './together.ts';

export interface AdamOptions {
  /** Decay of the mean of the gradients, in [0, 1). */
  readonly beta1?: number;
  /** Decay of the mean of their squares, in [0, 1). */
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** Divide by the largest second moment so far (Reddi et al. 2018). */
  readonly amsgrad?: boolean;
}

interface Settings extends Required<AdamOptions> {
  readonly name: string;
  /** Shrink the parameters themselves (AdamW) in place of adding to the gradient (Adam). */
  readonly decoupled: boolean;
}

/**
 * The moments are kept without their constant factors, m/(1−β₁) and v/(1−β₂), and the bias corrections go into two
 * scalars: 10 passes over the memory per parameter (11 with weight decay) in place of 14, and it is memory that limits.
 */
export function adaptiveMoments(settings: Settings): Optimizer {
  const { name, beta1, beta2, epsilon, weightDecay, amsgrad } = settings;
  checkFraction(name, 'beta1', beta1);
  checkFraction(name, 'beta2', beta2);
  checkNotNegative(name, 'epsilon', epsilon);
  checkNotNegative(name, 'weightDecay', weightDecay);
  const prefixes = amsgrad ? ['m', 'v', 'vmax'] : ['m', 'v'];
  return { name, init: (params) => initialState(params, prefixes), update };

  function update(grads: Tensors, state: Tensors, params: Tensors, rate: Rate): Updated {
    return tidied(() => {
      checkUpdate(name, grads, state, params, prefixes);
      const step: Tensor = tf.add(stateOf(name, state, 'step'), 1);
      const next: Record<string, Tensor> = { step };
      const scalars = stepScalars(settings, step, rateOf(name, rate));
      const moved: Record<string, Tensor> = {};
      for (const names of updateGroups(params)) {
        const made = moveTogether(joined(grads, names), state, params, names, scalars);
        for (const [prefix, joint] of Object.entries(made)) {
          const into = prefix === 'p' ? moved : next;
          apart(joint, names, params).forEach((part, i) => {
            into[prefix === 'p' ? names[i]! : `${prefix}.${names[i]!}`] = part;
          });
        }
      }
      return { params: mapValues(params, (_, key) => moved[key]!), state: mapValues(state, (_, key) => next[key]!) };
    });
  }

  /** @returns `p`, `m`, `v` and with amsgrad `vmax` of all under the names */
  function moveTogether(
    given: Tensor,
    state: Tensors,
    params: Tensors,
    names: readonly string[],
    scalars: StepScalars,
  ): Record<string, Tensor> {
    const p = joined(params, names);
    const g: Tensor = weightDecay > 0 && !settings.decoupled ? tf.add(given, tf.mul(p, weightDecay)) : given;
    const m: Tensor = tf.add(tf.mul(joined(state, names, 'm.'), beta1), g);
    const v: Tensor = tf.add(tf.mul(joined(state, names, 'v.'), beta2), tf.square(g));
    const largest: Tensor = amsgrad ? tf.maximum(joined(state, names, 'vmax.'), v) : v;
    const direction = tf.div(m, tf.add(tf.sqrt(largest), scalars.floor));
    const kept = scalars.keep ? tf.mul(p, scalars.keep) : p;
    const moved: Tensor = tf.sub(kept, tf.mul(direction, scalars.factor));
    return { p: moved, m, v, ...(amsgrad ? { vmax: largest } : {}) };
  }
}

function initialState(params: NdArrays, prefixes: readonly string[]): NdArrays {
  const state: Record<string, NdArray> = { step: scalar(0) };
  for (const prefix of prefixes) {
    for (const [name, { shape }] of Object.entries(params)) state[`${prefix}.${name}`] = zeros(shape);
  }
  return state;
}

interface StepScalars {
  readonly factor: Tensor;
  readonly floor: Tensor;
  /** What is left of a parameter after decay, where there is some. */
  readonly keep: Tensor | undefined;
}

/**
 * With the stored M = m/(1−β₁), V = v/(1−β₂), and k = √((1−β₂)/(1−β₂ᵗ)):
 *
 *     rate · m̂ / (√v̂ + ε) = factor · M / (√V + floor),   factor = rate · (1−β₁)/(1−β₁ᵗ) / k,   floor = ε / k
 */
function stepScalars(
  { beta1, beta2, epsilon, weightDecay, decoupled }: Settings,
  step: Tensor,
  rate: Tensor,
): StepScalars {
  const k = tf.sqrt(tf.div(1 - beta2, correction(beta2, step)));
  const scaled = tf.mul(rate, tf.div(1 - beta1, correction(beta1, step)));
  return {
    factor: tf.div(scaled, k),
    floor: tf.div(epsilon, k),
    keep: weightDecay > 0 && decoupled ? tf.sub(1, tf.mul(rate, weightDecay)) : undefined,
  };
}

/** 1 − βᵗ, right to float32's last digits: the plain difference loses five of seven digits at β = 0.999, t = 1. */
const correction = (beta: number, step: Tensor): Tensor =>
  beta === 0 ? tf.scalar(1) : tf.neg(tf.expm1(tf.mul(step, Math.log(beta))));
