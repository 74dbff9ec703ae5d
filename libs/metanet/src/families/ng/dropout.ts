/** @file Dropout of nodes' and pairs' channels without random numbers for each of them. */
import { tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { NodeRange } from './relational-attention.ts';

/** `<name>.node` `[B, N]` and `<name>.channel` `[B, C]`, both uniform in [0, 1). */
export function nodeNoise(
  name: string,
  [batch, nodes, channels]: readonly [number, number, number],
  stream: RandomStream,
): NdArrays {
  const own = stream.split(name);
  return {
    [`${name}.node`]: own.split('node').uniform([batch, nodes], 0, 1),
    [`${name}.channel`]: own.split('channel').uniform([batch, channels], 0, 1),
  };
}

/** As `nodeNoise`, with `<name>.target` `[B, N]` besides. */
export const edgeNoise = (name: string, sizes: readonly [number, number, number], stream: RandomStream): NdArrays => ({
  ...nodeNoise(name, sizes, stream),
  [`${name}.target`]: stream.split(name).split('target').uniform([sizes[0], sizes[1]], 0, 1),
});

/**
 * Drops x where the fractional part of u_n + u_c, one uniform number for each node and one for each channel, is below p.
 *
 * @param x shape `[B, N, C]`
 * Source: Srivastava et al. 2014, "Dropout", JMLR 15, section 4.
 * Departs: what is dropped at two places is independent, but not at every four: a draw for each of the millions of entries
 *   would cost as much as the step.
 */
export function dropNodes(
  x: Tensor,
  noise: Tensors | undefined,
  name: string,
  dropout: number,
  rows?: NodeRange,
): Tensor {
  const nodes = noise?.[`${name}.node`];
  if (dropout === 0 || !nodes) return x;
  return masked(x, tf.add(tf.expandDims(ofRows(nodes, rows), 2), tf.expandDims(noise[`${name}.channel`]!, 1)), dropout);
}

/** The same for pairs of nodes, by the fractional part of u_i + u_j + u_c. @param x shape `[B, C, R, N]` */
export function dropEdges(
  x: Tensor,
  noise: Tensors | undefined,
  name: string,
  dropout: number,
  rows?: NodeRange,
): Tensor {
  const nodes = noise?.[`${name}.node`];
  if (dropout === 0 || !nodes) return x;
  const [B, C] = x.shape as [number, number];
  const ends = tf.add(tf.expandDims(ofRows(nodes, rows), 2), tf.expandDims(noise[`${name}.target`]!, 1)) as Tensor;
  return masked(x, tf.add(tf.expandDims(ends, 1), tf.reshape(noise[`${name}.channel`]!, [B, C, 1, 1])), dropout);
}

const ofRows = (nodes: Tensor, rows: NodeRange | undefined): Tensor =>
  rows === undefined ? nodes : tf.slice(nodes, [0, rows.start], [nodes.shape[0]!, rows.size]);

const masked = (x: Tensor, sum: Tensor, dropout: number): Tensor => tf.mul(x, fractionMask(sum, dropout));

/** 0 where the fractional part is below `dropout`, 1 / (1 − dropout) elsewhere. */
export function fractionMask(sum: Tensor, dropout: number): Tensor {
  const fraction = tf.sub(sum, tf.floor(sum));
  return tf.mul(tf.cast(tf.greaterEqual(fraction, dropout), 'float32'), 1 / (1 - dropout));
}
