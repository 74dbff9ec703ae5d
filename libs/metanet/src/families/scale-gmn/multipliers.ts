/**
 * @file How features change with the symmetries of neurons, and functions that change in known ways.
 *
 * A hidden neuron i may be given a sign s (odd activations), a phase of kπ (sines; t = (−1)ᵏ) and a scale c > 0 (ReLU). Then
 * its row and bias get the factor r = s c, and what it gives, and so its outgoing columns inversely, q = s t c.
 */
import { instancesOf, spaceOf } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { MetanetError } from '../../metanet.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { project } from '../../layers/dense.ts';

/** What the factors of a group of nodes can be. */
export interface Multipliers {
  /** r and q may be negative. */
  readonly sign: boolean;
  /** r and q may be any positive number. */
  readonly scale: boolean;
  /** The shift of the bias that changes the sign of what the neuron gives; r and q differ where there is one. */
  readonly phase: number | undefined;
}

/** By group. @throws {MetanetError} where a sine's value is added to others as it is: its phase would have to be theirs */
export function multipliersOf(kind: string, graph: MetaGraph, phases: boolean): Multipliers[] {
  const found = graph.groups.map(({ group }) => ofFactors(graph.architecture, group.factors, phases));
  for (const { block, source, target } of graph.blocks) {
    if (block.view !== undefined || (found[source]!.phase ?? found[target]!.phase) === undefined) continue;
    throw new MetanetError(
      kind,
      `takes sines that only weights read, got '${block.name}' between sines; set phases to false`,
    );
  }
  return found;
}

function ofFactors(architecture: Architecture, factors: readonly string[], phases: boolean): Multipliers {
  const spaces = factors.map((name) => spaceOf(architecture, name)).filter(({ free }) => free);
  const [last] = spaces.slice(-1);
  if (last === undefined || instancesOf(architecture, last.name) > 1)
    return { sign: false, scale: false, phase: undefined };
  const { sign, scale, phase } = last.symmetries;
  return { sign, scale, phase: phases ? phase : undefined };
}

/** Far below the squares of what comes back through several layers, which are small. */
const TINY = 1e-18;

/** x divided by its root mean square over channels: what a positive factor doesn't change. */
export const normalizeChannels = (x: Tensor): Tensor =>
  tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), TINY)));

/** What no factor of these kinds changes, before it meets a nonlinearity that is even in it. */
const standard = (x: Tensor, { scale }: Multipliers): Tensor => (scale ? normalizeChannels(x) : x);

/**
 * Features that no factor of x changes, and that keep what its channels say together.
 *
 *     even(x) = ReLU(x̃ W + u) + ReLU(−x̃ W + u)  where x may change its sign, else ReLU(x̃ W + u)
 *
 * with x̃ = x over its root mean square where x may be scaled.
 *
 * @param x features that get one factor, channels last @param u of the same channels as the result; unchanged by factors
 * Symmetry: invariant to the factor.
 * Source: Kalogeropoulos et al. 2024, "Scale Equivariant Graph Metanetworks", arXiv:2406.10685, section 5.1 (ScaleInv).
 * Departs: signs by a sum over both (as SignNet), of one layer.
 */
export function even(params: Tensors, name: string, x: Tensor, u: Tensor | undefined, of: Multipliers): Tensor {
  const z = project(standard(x, of), params[`${name}.weight`]!);
  const shift = u === undefined ? params[`${name}.bias`]! : tf.add(u, params[`${name}.bias`]!);
  const positive = tf.relu(tf.add(z, shift)) as Tensor;
  return of.sign ? tf.add(positive, tf.relu(tf.sub(shift, z))) : positive;
}
