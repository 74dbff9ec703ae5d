/** @file The largest of the edges that lead to each node, by doubling along runs of edges. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

/**
 * Without a gradient: after step k, each edge holds the maximum over itself and up to 2ᵏ − 1 edges after it in its run.
 *
 * @param value edge features; shape `[E, C]`
 * @returns shape `[V, C]`; 0 at nodes without edges
 */
export function largestOf(batch: Tensors, value: Tensor): Tensor {
  const { lastEdge, firstEdge, inDegree, doublings } = batch as Record<string, Tensor>;
  const E = value.shape[0]!;
  const own = tf.range(0, E, 1, 'int32') as Tensor;
  let most = value;
  for (let step = 0; step < doublings!.shape[0]!; step++) {
    const next = tf.minimum(tf.add(own, tf.scalar(2 ** step, 'int32')), lastEdge!) as Tensor;
    most = tf.maximum(most, tf.gather(most, next as never));
  }
  const has = tf.cast(tf.greater(inDegree!, 0), 'float32');
  return tf.mul(tf.gather(most, firstEdge as never), has);
}

/**
 * The same with a gradient: it flows to the edges that are as large as the largest, whole to each of several.
 *
 * tfjs's `max` does so too. Saves only the maximum, not the steps.
 */
export function segmentMax(batch: Tensors, value: Tensor): Tensor {
  const target = batch['target']!;
  const f = tf.customGrad((x, save) => {
    const y = largestOf(batch, x as Tensor);
    (save as (tensors: Tensor[]) => void)([x as Tensor, y]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [e, most] = saved as [Tensor, Tensor];
        const equal = tf.cast(tf.equal(e, tf.gather(most, target as never)), 'float32');
        return tf.mul(tf.gather(dy, target as never), equal) as Tensor;
      },
    };
  });
  return f(value);
}
