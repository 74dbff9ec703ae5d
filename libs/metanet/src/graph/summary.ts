/** @file Mean, least, largest and deviation of the edges that lead to each node, and their gradient in few passes. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { edgeShape, toEdges, toNodes } from './block-axes.ts';
import type { MetaBlock } from './meta-graph.ts';

/** Added to variances: of equal edges the deviation has a slope. */
const EPSILON = 1e-5;

type Save = (saved: Tensor[]) => void;

const deviationOf = (variance: Tensor): Tensor => tf.sqrt(tf.add(tf.relu(variance), EPSILON));

/** From aggregates at nodes. @returns `[…, 4C]` */
export function joinSummary(mean: Tensor, square: Tensor, least: Tensor, most: Tensor): Tensor {
  const deviation = deviationOf(tf.sub(square, tf.mul(mean, mean)));
  return tf.concat([mean, least, most, deviation], mean.rank - 1);
}

/** Of nodes without edges. @returns shape `[1, 1, 4C]` */
export const summaryOfNothing = (channels: number): Tensor =>
  tf.concat([tf.zeros([1, 1, 3 * channels]), tf.fill([1, 1, channels], Math.sqrt(EPSILON))], 2);

/**
 * `[mean, least, largest, deviation]` over all edges of the blocks that lead to each node of a group.
 *
 * The gradient to an edge m of node i is u_i + v_i m, and those of the largest and the least where m equals them: with
 * v = dσ / (n σ) and u = dμ / n − μ v, where σ² = variance + 10⁻⁵.
 *
 * @param parts features of the blocks, `[B, G, T, S, P, C]` @param degree n
 * @returns shape `[B, N, 4C]`
 * Source: Corso et al. 2020, "Principal Neighbourhood Aggregation", arXiv:2004.05718, eq. 2–4.
 * Departs: nothing; ε of its eq. 3 is 10⁻⁵.
 */
export function summaryOfBlocks(own: readonly MetaBlock[], parts: readonly Tensor[], degree: number): Tensor {
  const full = alike(own, parts);
  const f = tf.customGrad((...given) => {
    const [edges, save] = [given.slice(0, -1) as Tensor[], given.at(-1) as unknown as Save];
    const { mean, variance, least, most } = aggregates(own, edges, degree);
    const deviation = deviationOf(variance);
    save([...edges, mean, variance, least, most, deviation]);
    const value = tf.concat([mean, least, most, deviation], 2);
    return { value, gradFunc: (dy: Tensor, saved: Tensor[]) => gradients(own, dy, saved, degree) };
  });
  return f(...full);
}

function aggregates(own: readonly MetaBlock[], edges: readonly Tensor[], degree: number) {
  const over = (how: 'sum' | 'max' | 'min', of: (x: Tensor) => Tensor = (x) => x): Tensor[] =>
    own.map((block, i) => toNodes(of(edges[i]!), block, 'target', how));
  const total = (all: Tensor[]): Tensor =>
    tf.mul(
      all.reduce((a, b) => tf.add(a, b)),
      1 / degree,
    );
  const mean = total(over('sum'));
  const square = total(over('sum', (x) => tf.mul(x, x)));
  return {
    mean,
    variance: tf.sub(square, tf.mul(mean, mean)) as Tensor,
    least: over('min').reduce((a, b) => tf.minimum(a, b)),
    most: over('max').reduce((a, b) => tf.maximum(a, b)),
  };
}

function gradients(own: readonly MetaBlock[], dy: Tensor, saved: readonly Tensor[], degree: number): Tensor[] {
  const [mean, variance, least, most, deviation] = saved.slice(own.length) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const [dMean, dLeast, dMost, dDeviation] = tf.split(dy, 4, 2) as [Tensor, Tensor, Tensor, Tensor];
  const curved = tf.cast(tf.greater(variance, 0), 'float32') as Tensor;
  const slope = tf.mul(tf.div(tf.mul(dDeviation, curved), deviation), 1 / degree) as Tensor;
  const flat = tf.sub(tf.mul(dMean, 1 / degree), tf.mul(mean, slope)) as Tensor;
  return own.map((block, i) => {
    const e = saved[i]!;
    const at = (x: Tensor): Tensor => toEdges(x, block, 'target');
    const where = (extreme: Tensor, d: Tensor): Tensor => tf.mul(tf.cast(tf.equal(e, at(extreme)), 'float32'), at(d));
    const smooth = tf.add(tf.mul(e, at(slope)), at(flat));
    return tf.add(tf.add(smooth, where(most, dMost)), where(least, dLeast));
  });
}

/** Features that broadcast are written out: an edge of its own for each gradient. */
function alike(own: readonly MetaBlock[], parts: readonly Tensor[]): Tensor[] {
  const batch = Math.max(...parts.map(({ shape }) => shape[0]!));
  return own.map((block, i) => {
    const part = parts[i]!;
    const shape = edgeShape(block, batch, part.shape[5]!);
    return part.shape.join() === shape.join() ? part : tf.add(part, tf.zeros(shape));
  });
}
