/** @file One network for all that differ by signs and phases only, inside traced functions. */
import { checkStacked } from '@weightspace/architecture';
import type { Architecture, ParameterSpec, Space } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { actTensors } from './act-tensors.ts';

/**
 * Networks of the same functions in which signs and phases are chosen by a rule, so that what reads them needs to learn
 * neither symmetry: every phase b is moved into [−δ/2, δ/2], δ being the half period, and every neuron's sign is such
 * that its weight from the first input is positive; where it reads no input, its weight to the first output; where it
 * has neither, the sum of the weights that it reads. A space that only weights within itself index stays as it is.
 *
 * Letters: B networks.
 * @param params by name; shape `[B, …shape]`
 * @returns shape `[B, …shape]`
 * @throws {ParameterError | ShapeError} when shapes disagree with the architecture
 * Symmetry: f(g w) = f(w) for g of signs and phases, f(g w) = g f(w) for permutations of hidden neurons; a weight that
 *   decides a sign and is 0, and a phase on the border, aren't decided.
 * Source: none; the canonical form by representative of a quotient, for the symmetries of Godfrey et al. 2022,
 *   arXiv:2205.14258. Departs: discontinuous where a deciding weight changes its sign, as every such choice is.
 */
export function canonicalizeSigns(architecture: Architecture, params: Tensors): Tensors {
  checkStacked('canonicalizeSigns', architecture, params);
  return tf.tidy(() =>
    architecture.spaces.reduce(
      (chosen, space) => signed(architecture, space, shifted(architecture, space, chosen)),
      params,
    ),
  );
}

function shifted(architecture: Architecture, { name, symmetries: { phase } }: Space, params: Tensors): Tensors {
  const bias = architecture.parameters.find(({ kind, axes }) => kind === 'bias' && axes[0] === name);
  if (phase === undefined || bias === undefined) return params;
  const halfPeriods = tf.neg(tf.round(tf.div(params[bias.name]!, phase))) as Tensor;
  return actTensors(architecture, { [`${name}.shift`]: halfPeriods }, params);
}

function signed(architecture: Architecture, { name, symmetries }: Space, params: Tensors): Tensors {
  const deciding = symmetries.sign ? decidingWeight(architecture, name, params) : undefined;
  if (deciding === undefined) return params;
  // Not tf.sign, which gives 0 for 0.
  const sign = tf.sub(tf.mul(tf.cast(tf.greaterEqual(deciding, 0), 'float32'), 2), 1) as Tensor;
  return actTensors(architecture, { [`${name}.sign`]: sign }, params);
}

/** @returns shape `[B, n]` */
function decidingWeight({ spaces, parameters }: Architecture, space: string, params: Tensors): Tensor | undefined {
  const fixed = (name: string) => spaces.some((s) => s.name === name && !s.free);
  const once = ({ axes }: ParameterSpec) => axes.filter((axis) => axis === space).length === 1;
  const weights = parameters.filter((p) => p.kind === 'weight' && once(p));
  const reading = weights.filter((p) => p.roles[p.axes.indexOf(space)] === 'out');
  const read = weights.filter((p) => p.roles[p.axes.indexOf(space)] === 'in');
  const anchored = [...reading, ...read].find(({ axes }) => axes.every((axis) => axis === space || fixed(axis)));
  if (anchored) return atFirst(params[anchored.name]!, anchored, space);
  const [own] = reading;
  return own && overOthers(params[own.name]!, own, space);
}

/** The entries at the first neuron of every other axis. */
function atFirst(weight: Tensor, { axes }: ParameterSpec, space: string): Tensor {
  const kept = axes.indexOf(space) + 1;
  const size = weight.shape.map((n, axis) => (axis === 0 || axis === kept ? n : 1));
  const part = tf.slice(
    weight,
    weight.shape.map(() => 0),
    size,
  );
  return tf.reshape(part, [weight.shape[0]!, weight.shape[kept]!]);
}

function overOthers(weight: Tensor, { axes }: ParameterSpec, space: string): Tensor {
  const kept = axes.indexOf(space) + 1;
  return tf.sum(
    weight,
    weight.shape.flatMap((_, axis) => (axis === 0 || axis === kept ? [] : [axis])),
  );
}
