/** @file What the norms share: scale and shift of each channel, and their declaration. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { flag, positive } from '../checks.ts';
import type { Fields } from '../checks.ts';
import type { Label } from '../labels/label.ts';
import { extraSymmetries, needInputs } from './layer-kind.ts';
import type { DeclareContext, LayerDeclaration, LayerSpec, ParameterDeclaration } from './layer-kind.ts';

export const normSettings =
  (epsilon: number, affine = true) =>
  (given: Fields, place: string) => ({
    epsilon: positive(`${place}.epsilon`, given['epsilon'] ?? epsilon),
    affine: flag(`${place}.affine`, given['affine'] ?? affine),
  });

/** One number for each channel. */
export const perChannel = (
  name: string,
  kind: ParameterDeclaration['kind'],
  label: Label,
  start: 'zeros' | 'ones',
): ParameterDeclaration => ({ name, kind, axes: [{ label, role: 'index' }], fan: { in: 1, out: 1 }, start });

/** A norm: channels keep their order and have no other symmetry; scale and shift where it has them. */
export function declareNorm(
  layer: LayerSpec,
  { inputs, place }: DeclareContext,
  more: readonly ParameterDeclaration[] = [],
  shift = true,
): LayerDeclaration {
  needInputs(layer, place, 1, 1);
  const { label } = inputs[0]!;
  const affine =
    layer['affine'] === true
      ? [perChannel('weight', 'scale', label, 'ones'), ...(shift ? [perChannel('bias', 'shift', label, 'zeros')] : [])]
      : [];
  return { label, parameters: [...affine, ...more], breaks: extraSymmetries };
}

/** `[N, C]` → `[N, 1, …, C]`, to go with a value that has these positions. */
export const alongChannels = (t: Tensor, positions: readonly number[]): Tensor =>
  tf.reshape(t, [t.shape[0]!, ...Array<number>(positions.length + 1).fill(1), t.shape[1]!]);

/** gain · (scale · x + shift). */
export function scaleAndShift(
  x: Tensor,
  { weight, bias }: Tensors,
  gain: number,
  positions: readonly number[],
): Tensor {
  const scaled = (t: Tensor) => alongChannels(gain === 1 ? t : tf.mul(t, gain), positions);
  const y = weight ? tf.mul(x, scaled(weight)) : gain === 1 ? x : tf.mul(x, gain);
  return bias ? tf.add(y, scaled(bias)) : y;
}

/**
 * (x − mean) / √(variance + ε) over some axes, which stay with size 1; the variance is that of a population.
 *
 * As a product with a reciprocal of few numbers, whose gradient is simpler than that of a quotient.
 */
export function standardize(x: Tensor, axes: number[], epsilon: number): Tensor {
  const centred = tf.sub(x, tf.mean(x, axes, true));
  return tf.mul(centred, tf.div(1, tf.sqrt(tf.add(tf.mean(tf.square(centred), axes, true), epsilon))));
}
