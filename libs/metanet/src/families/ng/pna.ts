/** @file Principal neighbourhood aggregation with edges that modulate the messages, and an update of the edges. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { addFeatures, combine, projectFeatures, projectLinear } from '../../graph/features.ts';
import type { Features, LinearFeatures } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import { dense, denseParameters, projectAndAdd } from '../../layers/dense.ts';

type Parameters = Record<string, NdArray<'float32'>>;

/** Mean, least, largest and deviation, as they are and amplified, and the node itself. */
const MIXED = 9;

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
 * @param params may be copies: see `project`
 * @param e edges, before a linear map if they end with one
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
  e: LinearFeatures,
  logDegree: Tensor,
): Features {
  const C = params[`${name}.out.bias`]!.shape.at(-1)!;
  // Axes are counted from the last, since parameters may be copies.
  const half = (part: string, axis: 1 | 2): [Tensor, Tensor] => {
    const whole = params[`${name}.${part}`]!;
    return tf.split(whole, 2, whole.rank - axis) as [Tensor, Tensor];
  };
  const [scaleWeight, shiftWeight] = half('modulation.weight', 1);
  const [scaleBias, shiftBias] = half('modulation.bias', 1);
  const [ofTarget, ofSource] = half('message.weight', 2);
  const bias = params[`${name}.message.bias`]!;
  const message = combine(
    (i, j, scale, shift) => tf.add(tf.mul(tf.add(i, j), scale), shift),
    ops.toTarget(combine((own) => projectAndAdd(own, ofTarget, bias), x)),
    ops.toSource(projectFeatures(x, ofSource)),
    projectLinear(e, scaleWeight, scaleBias),
    projectLinear(e, shiftWeight, shiftBias),
  );
  const all = ops.summarize(message);
  const mix = params[`${name}.mix.weight`]!;
  const [ofNode, plain, amplified] = tf.split(mix, [C, 4 * C, 4 * C], mix.rank - 2) as [Tensor, Tensor, Tensor];
  const amplification = combine((d) => tf.div(tf.log(tf.add(d, 1)), logDegree) as Tensor, ops.degrees());
  const mixed = addFeatures(
    combine((own) => projectAndAdd(own, ofNode, params[`${name}.mix.bias`]!), x),
    projectFeatures(all, plain),
    combine((y, a) => tf.mul(y, a), projectFeatures(all, amplified), amplification),
  );
  return combine((y) => dense(params, `${name}.out`, y), mixed);
}

export const edgeUpdateParameters = (name: string, channels: number, stream: RandomStream): Parameters =>
  Object.assign(
    {},
    ...['edge', 'source', 'target', 'out'].map((part) =>
      denseParameters(`${name}.${part}`, channels, channels, stream),
    ),
  ) as Parameters;

/** x σ(x); its gradient dy (σ + y (1 − σ)) is from what is kept anyway. */
export function silu(x: Tensor): Tensor {
  const f = tf.customGrad((...given) => {
    const [value, save] = given as unknown as [Tensor, (saved: Tensor[]) => void];
    const share = tf.sigmoid(value) as Tensor;
    const y = tf.mul(value, share) as Tensor;
    save([y, share]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [out, s] = saved as [Tensor, Tensor];
      return tf.mul(dy, tf.add(s, tf.mul(out, tf.sub(1, s))));
    };
    return { value: y, gradFunc };
  });
  return f(x);
}

/**
 *     e_ij ← Lin SiLU(Lin e_ij + Lin x_source + Lin x_target)
 *
 * @returns SiLU(…), before the last linear map
 * Symmetry: equivariant to permutations of nodes.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, section 3.2. Departs: nothing.
 */
export function updatePnaEdges(
  params: Tensors,
  name: string,
  ops: GraphOps,
  x: Features,
  e: LinearFeatures,
): LinearFeatures {
  const get = (part: string) => params[`${name}.${part}`]!;
  const ends = (part: string): Features => combine((own) => dense(params, `${name}.${part}`, own), x);
  const hidden = combine(
    (own, i, j) => tf.add(tf.add(own, i), j),
    projectLinear(e, get('edge.weight'), get('edge.bias')),
    ops.toTarget(ends('target')),
    ops.toSource(ends('source')),
  );
  return { of: combine(silu, hidden), map: { weight: get('out.weight'), bias: get('out.bias') } };
}
