/** @file What every optimizer is, and what they share. */
import type { NdArrays, Tensors } from '../nd-array.ts';
import { checkSameParameters } from '../parameters.ts';
import { ShapeError } from '../shape-error.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';

/**
 * A pure update of parameter records.
 *
 * `update` may be compiled: it reads no values and keeps nothing; all that it remembers is in the state.
 */
export interface Optimizer {
  readonly name: string;
  /** The state before the first step: named arrays, which go into a checkpoint as they are. */
  init(params: NdArrays): NdArrays;
  /**
   * @param rate the learning rate; pass a scalar tensor to compiled functions, since a number is fixed when they are traced
   * @returns new tensors, which belong to the caller; the arguments are left alone
   * @throws {ParameterError} when grads and params don't have the same names
   * @throws {ShapeError} when a gradient or a state tensor doesn't have its parameter's shape
   */
  update(grads: Tensors, state: Tensors, params: Tensors, rate: Rate): Updated;
}

export type Rate = number | Tensor;

export interface Updated {
  readonly params: Tensors;
  readonly state: Tensors;
}

/** @throws {RangeError} unless `value` lies in [0, 1) */
export function checkFraction(fn: string, argument: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw new RangeError(`${fn}: ${argument} must be in [0, 1), got ${value}`);
}

/** @throws {RangeError} unless `value` is finite and not negative */
export function checkNotNegative(fn: string, argument: string, value: number): void {
  if (!(value >= 0 && value < Infinity))
    throw new RangeError(`${fn}: ${argument} must be a finite number ≥ 0, got ${value}`);
}

/** The rate as a scalar tensor. */
export function rateOf(fn: string, rate: Rate): Tensor {
  if (typeof rate === 'number') return tf.scalar(rate);
  if (rate.shape.length > 0) throw new ShapeError(fn, 'rate', [], rate.shape, 'pass one learning rate as a scalar');
  return rate;
}

/** Checks that gradients, and the moments that the state keeps under each prefix, belong to the parameters. */
export function checkUpdate(
  fn: string,
  grads: Tensors,
  state: Tensors,
  params: Tensors,
  prefixes: readonly string[],
): void {
  checkSameParameters(fn, 'grads', grads, params);
  for (const [name, { shape }] of Object.entries(params)) {
    for (const prefix of prefixes) {
      const key = `${prefix}.${name}`;
      const moment = stateOf(fn, state, key);
      if (moment.shape.join() !== shape.join()) throw new ShapeError(fn, `state '${key}'`, shape, moment.shape, REMEDY);
    }
  }
}

const REMEDY = 'take the state from init(params) of this optimizer, or from its last update';

/** @throws {RangeError} when the state lacks the tensor, e.g. because another optimizer made it */
export function stateOf(fn: string, state: Tensors, key: string): Tensor {
  const tensor = state[key];
  if (tensor) return tensor;
  throw new RangeError(`${fn}: state must have '${key}', got ${Object.keys(state).join(', ') || 'nothing'}; ${REMEDY}`);
}

/** Runs an update without leaving its temporaries behind. */
export const tidied = (fn: () => { params: Record<string, Tensor>; state: Record<string, Tensor> }): Updated =>
  tf.tidy(fn);
