/** @file One network for all that differ by scales, phases and signs of neurons, inside traced functions. */
import { checkStacked } from '@weightspace/architecture';
import type { LabelledNetwork } from '@weightspace/architecture';
import { tf, withoutGradient } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { actTensors } from '../act-tensors.ts';
import { layoutOf } from '../layout/layout.ts';
import type { LeafSpace } from '../layout/layout.ts';
import { neuronEntries, rowsOf } from './neuron-entries.ts';
import type { NeuronEntries } from './neuron-entries.ts';

/**
 * Networks of the same functions in which phases, scales and signs are chosen by a rule: every phase is moved into
 * [−δ/2, δ/2], δ being the half period; then, space by space from the inputs on, what each neuron reads (its row and
 * bias) gets norm 1 where it has a scale, and a sum that isn't negative where it has a sign (the bias counts only where
 * no weight does).
 *
 * A neuron that reads only spaces that can't be decided before it is decided by what it writes, as to its sign; where
 * even that can't be, it stays as it is. Scales of neurons that read nothing but 0 stay, too.
 *
 * Letters: B networks.
 * @param params by name; shape `[B, …shape]`
 * @returns shape `[B, …shape]`
 * @throws {ParameterError | ShapeError} when shapes disagree with the network
 * Symmetry: f(g w) = f(w) for g of scales, phases and signs, f(g w) = g f(w) for orders, to rounding; sums that are 0 and
 *   phases on the border aren't decided.
 * Source: none; a representative of the quotient by the symmetries of Godfrey et al. 2022, arXiv:2205.14258.
 * Departs: discontinuous where a sum changes its sign or a phase crosses the border, as every such choice is. Simpler
 *   than `canonicalForm`, whose balanced scales take an iteration.
 */
export function gaugeTensors(network: LabelledNetwork, params: Tensors): Tensors {
  checkStacked('gaugeTensors', network, params);
  return tf.tidy(() => settle(network, 'sign', settle(network, 'scale', shifted(network, params))));
}

function shifted(network: LabelledNetwork, params: Tensors): Tensors {
  const biases = neuronEntries(network).filter(
    ({ parameter, role, each, leaf: { free, space } }) =>
      free && space.symmetries.phase !== undefined && parameter.kind === 'bias' && role === 'out' && each === 1,
  );
  if (biases.length === 0) return params;
  const element = withoutGradient(() =>
    Object.fromEntries(
      biases.map((entries) => {
        const { leaf } = entries;
        const bias = tf.reshape(rowsOf(entries, params), [params[entries.parameter.name]!.shape[0]!, leaf.total]);
        return [`${leaf.name}.shift`, tf.neg(tf.round(tf.div(bias, leaf.space.symmetries.phase!)))];
      }),
    ),
  );
  return actTensors(network, element, params);
}

/** Decides the signs or scales of one space after another, each by entries whose other spaces are decided. */
function settle(network: LabelledNetwork, kind: 'sign' | 'scale', params: Tensors): Tensors {
  const pending = new Set(
    [...layoutOf(network).leaves.values()].filter(({ free, space }) => free && space.symmetries[kind]),
  );
  let current = params;
  for (;;) {
    const next = nextSpace(neuronEntries(network), pending, kind);
    if (next === undefined) return current;
    const [leaf, deciding] = next;
    const choose = kind === 'sign' ? signsOf : scalesOf;
    current = actTensors(network, { [`${leaf.name}.${kind}`]: choose(deciding, current) }, current);
    pending.delete(leaf);
  }
}

/** The first space that can be decided, by what it reads if possible, and the entries that decide. */
function nextSpace(
  all: readonly NeuronEntries[],
  pending: ReadonlySet<LeafSpace>,
  kind: 'sign' | 'scale',
): readonly [LeafSpace, readonly NeuronEntries[]] | undefined {
  const able = [...pending].map((leaf) => {
    const own = all.filter((e) => e.leaf === leaf && [...e.others].every((o) => o !== leaf && !pending.has(o)));
    const reading = own.filter(({ role }) => role === 'out');
    const weights = reading.filter(({ parameter }) => parameter.kind !== 'bias');
    return { leaf, reading, weights, written: own.filter(({ role }) => role === 'in') };
  });
  const byWeights = able.find(({ weights }) => weights.length > 0);
  if (byWeights) return [byWeights.leaf, kind === 'sign' ? byWeights.weights : byWeights.reading];
  const written = kind === 'sign' ? able.find((own) => own.written.length > 0) : undefined;
  if (written) return [written.leaf, written.written];
  const byBias = able.find(({ reading }) => reading.length > 0);
  return byBias && [byBias.leaf, byBias.reading];
}

/** @returns ±1, shape `[B, n]` */
function signsOf(deciding: readonly NeuronEntries[], params: Tensors): Tensor {
  const sum = deciding.map((entries) => tf.sum(rowsOf(entries, params), 2) as Tensor).reduce((a, b) => tf.add(a, b));
  // Not tf.sign, which gives 0 for 0.
  return tf.sub(tf.mul(tf.cast(tf.greaterEqual(sum, 0), 'float32'), 2), 1);
}

/** @returns one over the norm, 1 where that is 0; shape `[B, n]` */
function scalesOf(deciding: readonly NeuronEntries[], params: Tensors): Tensor {
  const squares = deciding
    .map((entries) => tf.sum(tf.square(rowsOf(entries, params)), 2) as Tensor)
    .reduce((a, b) => tf.add(a, b));
  const dead = tf.cast(tf.equal(squares, 0), 'float32');
  return tf.rsqrt(tf.add(squares, dead));
}
