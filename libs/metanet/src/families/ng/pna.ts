/** @file Principal neighbourhood aggregation with edges that modulate the messages, and an update of the edges. */
import { mapValues, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { addFeatures, combine, projectFeatures } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import { dense, denseParameters } from '../../layers/dense.ts';

type Parameters = Record<string, NdArray<'float32'>>;

/** Mean, least, largest and deviation, as they are and amplified, and the node itself. */
const MIXED = 9;
/** Added to variances: of equal messages the deviation has a slope. */
const EPSILON = 1e-5;

/** `<name>.modulation` `[C, 2C]`: scale, then shift; `<name>.message` `[2C, C]`: of the target, then of the source. */
export const pnaParameters = (name: string, channels: number, stream: RandomStream): Parameters => ({
  ...denseParameters(`${name}.modulation`, channels, 2 * channels, stream),
  ...denseParameters(`${name}.message`, 2 * channels, channels, stream),
  ...denseParameters(`${name}.mix`, MIXED * channels, channels, stream),
  ...denseParameters(`${name}.out`, channels, channels, stream),
});

/**
 * Messages and their aggregation.
 *
 *     m_ij = scale(e_ij) ⊙ Lin[x_i, x_j] + shift(e_ij)          for every edge that leads from j to i
 *     a_i = [mean_j m, min_j m, max_j m, deviation_j m]
 *     y_i = Lin Lin[x_i, a_i, a_i log(degree_i + 1) / d]
 *
 * Lin[x_i, x_j] is A x_i + B x_j, computed once for each node. The map of what is amplified is multiplied by the amplification
 * after it, which is a number for each node.
 *
 * @param logDegree d, the mean of log(degree + 1) over nodes of the training networks; shape `[1, 1]`
 * Symmetry: equivariant to permutations of nodes.
 * Source: Corso et al. 2020, "Principal Neighbourhood Aggregation", arXiv:2004.05718, eq. 5–8, with the modulation of Kofinas
 *   et al. 2024, arXiv:2403.12143, section 3.2.
 * Departs: the deviation is √(variance + 10⁻⁵), where the public code jumps to 0 below a variance of 10⁻⁵; d counts both
 *   directions of edges, where the public code counts one.
 */
export function pna(
  params: Tensors,
  name: string,
  ops: GraphOps,
  x: Features,
  e: Features,
  logDegree: Tensor,
): Features {
  const C = params[`${name}.out.weight`]!.shape[0]!;
  const half = (part: string, axis: number) => tf.split(params[`${name}.${part}`]!, 2, axis) as [Tensor, Tensor];
  const [scaleWeight, shiftWeight] = half('modulation.weight', 1);
  const [scaleBias, shiftBias] = half('modulation.bias', 0);
  const [ofTarget, ofSource] = half('message.weight', 0);
  const bias = params[`${name}.message.bias`]!;
  const target = combine((own) => tf.add(own, bias), projectFeatures(x, ofTarget));
  const message = combine(
    (i, j, scale, shift) => tf.add(tf.mul(tf.add(i, j), tf.add(scale, scaleBias)), tf.add(shift, shiftBias)),
    ops.toTarget(target),
    ops.toSource(projectFeatures(x, ofSource)),
    projectFeatures(e, scaleWeight),
    projectFeatures(e, shiftWeight),
  );
  const mean = ops.aggregate(message, 'mean');
  const square = ops.aggregate(
    mapValues(message as Tensors, (m) => tf.mul(m, m) as Tensor),
    'mean',
  );
  const deviation = combine(
    (s, m) => tf.sqrt(tf.add(tf.relu(tf.sub(s, tf.mul(m, m))), EPSILON)) as Tensor,
    square,
    mean,
  );
  const parts = [mean, ops.aggregate(message, 'min'), ops.aggregate(message, 'max'), deviation];
  const all = combine((...own) => tf.concat(own, own[0]!.rank - 1), parts[0]!, ...parts.slice(1));
  const [ofNode, plain, amplified] = tf.split(params[`${name}.mix.weight`]!, [C, 4 * C, 4 * C], 0) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const amplification = combine((d) => tf.div(tf.log(tf.add(d, 1)), logDegree) as Tensor, ops.degrees());
  const mixed = addFeatures(
    projectFeatures(x, ofNode),
    projectFeatures(all, plain),
    combine((y, a) => tf.mul(y, a), projectFeatures(all, amplified), amplification),
  );
  const mixBias = params[`${name}.mix.bias`]!;
  return combine((y) => dense(params, `${name}.out`, tf.add(y, mixBias)), mixed);
}

export const edgeUpdateParameters = (name: string, channels: number, stream: RandomStream): Parameters =>
  Object.assign(
    {},
    ...['edge', 'source', 'target', 'out'].map((part) =>
      denseParameters(`${name}.${part}`, channels, channels, stream),
    ),
  ) as Parameters;

export const silu = (x: Tensor): Tensor => tf.mul(x, tf.sigmoid(x));

/**
 *     e_ij ← Lin SiLU(Lin e_ij + Lin x_source + Lin x_target)
 *
 * Symmetry: equivariant to permutations of nodes.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, section 3.2. Departs: nothing.
 */
export function updatePnaEdges(params: Tensors, name: string, ops: GraphOps, x: Features, e: Features): Features {
  const get = (part: string) => params[`${name}.${part}`]!;
  const bias = tf.add(tf.add(get('edge.bias'), get('source.bias')), get('target.bias'));
  const target = combine((own) => tf.add(own, bias), projectFeatures(x, get('target.weight')));
  const hidden = addFeatures(
    projectFeatures(e, get('edge.weight')),
    ops.toSource(projectFeatures(x, get('source.weight'))),
    ops.toTarget(target),
  );
  return combine((h) => dense(params, `${name}.out`, silu(h)), hidden);
}
