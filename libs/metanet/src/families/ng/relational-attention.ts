/** @file Attention of every node over all nodes, with queries, keys and values that the pair's edge takes part in. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { project } from '../../layers/dense.ts';

/** U(±√(6 / (in + out))), Glorot and Bengio 2010, eq. 16; biases are 0. */
export function xavierParameters(
  name: string,
  [inputs, outputs]: readonly [number, number],
  stream: RandomStream,
  bias: boolean,
): Record<string, NdArray<'float32'>> {
  const bound = Math.sqrt(6 / (inputs + outputs));
  return {
    [`${name}.weight`]: stream.split(name).uniform([inputs, outputs], -bound, bound),
    ...(bias ? { [`${name}.bias`]: { dtype: 'float32', shape: [outputs], data: new Float32Array(outputs) } } : {}),
  };
}

/** `<name>.nodes.weight` `[D, 3A]`: queries, keys, values; `<name>.edges.weight` `[C, 4A]`: the same and the modulation. */
export const relationalAttentionParameters = (
  name: string,
  { nodes, edges, attention }: { readonly nodes: number; readonly edges: number; readonly attention: number },
  stream: RandomStream,
): Record<string, NdArray<'float32'>> => ({
  ...xavierParameters(`${name}.nodes`, [nodes, 3 * attention], stream, false),
  ...xavierParameters(`${name}.edges`, [edges, 4 * attention], stream, false),
});

/** Consecutive nodes. */
export interface NodeRange {
  readonly start: number;
  readonly size: number;
}

/** Σ_j m[…,i,j] x[…,j], with a gradient to x that reads m along its rows. */
function rowSums(m: Tensor, x: Tensor): Tensor {
  const f = tf.customGrad((...given) => {
    const [a, b, save] = given as unknown as [Tensor, Tensor, (saved: Tensor[]) => void];
    save([a, b]);
    return {
      value: tf.squeeze(tf.matMul(a, tf.expandDims(b, -1)), [-1]),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [matrix, vector] = saved as [Tensor, Tensor];
        const of = tf.mul(tf.expandDims(dy, -1), tf.expandDims(vector, -2)) as Tensor;
        return [of, tf.squeeze(tf.matMul(tf.expandDims(dy, -2), matrix), [-2])];
      },
    };
  });
  return f(m, x);
}

/**
 * Relational attention. In each head, for node i and every node j:
 *
 *     q_ij = Q x_i + Q' e_ij,   k_ij = K x_j + K' e_ij,   v_ij = (V x_j) ⊙ (M e_ij) + V' e_ij
 *     y_i = Σ_j softmax_j(q_ij · k_ij / √A) v_ij
 *
 * The second part of the values is V' Σ_j a_ij e_ij: it's summed before it is projected. Edges have their channels first, so
 * that what all pairs have in common with a head, a node or a channel is long runs of numbers, and products of weights with
 * edges are one large matrix product for each network.
 *
 * Letters: B networks, N nodes, R of them that ask, D channels of nodes, C of edges, A of the attention, H heads.
 *
 * @param x_bnd shape `[B, N, D]`
 * @param e_bcrn edges from the nodes that ask to all; shape `[B, C, R, N]`
 * @param options `rows`: the nodes that ask, all unless said otherwise; `mask`: added to the scores, −10⁹ where there is
 *   nothing to see; broadcasts to `[B, H, R, N]`
 * @returns shape `[B, R, A]`
 * Symmetry: equivariant to permutations of nodes.
 * Source: Diao and Loynd 2023, "Relational Attention", arXiv:2210.05062, eq. 4–8, with the modulation of Kofinas et al. 2024,
 *   arXiv:2403.12143, section 3.3.
 * Departs: nothing; 1/√A is of the whole width, as in the public code, not of a head's.
 */
export function relationalAttention(
  params: Tensors,
  name: string,
  x_bnd: Tensor,
  e_bcrn: Tensor,
  { heads, rows, mask }: { readonly heads: number; readonly rows?: NodeRange; readonly mask?: Tensor },
): Tensor {
  const [B, N] = x_bnd.shape as [number, number];
  const [C, R] = [e_bcrn.shape[1]!, e_bcrn.shape[2]!];
  const [ofNodes, ofEdges] = [params[`${name}.nodes.weight`]!, params[`${name}.edges.weight`]!];
  const A = ofEdges.shape[1]! / 4;
  const S = A / heads;
  const [q, k, v] = tf.split(tf.transpose(project(x_bnd, ofNodes), [0, 2, 1]), 3, 1) as [Tensor, Tensor, Tensor];
  const asking = rows === undefined ? q : tf.slice(q, [0, 0, rows.start], [B, A, rows.size]);
  const [eq, ek, ev, em] = tf.split(ofEdges, 4, 1) as [Tensor, Tensor, Tensor, Tensor];
  const flat: Tensor = tf.reshape(e_bcrn, [B, C, R * N]);
  const ofPairs = (weight_ca: Tensor): Tensor => tf.matMul(tf.reshape(tf.transpose(weight_ca), [1, A, C]), flat);
  const byHead = (x: Tensor): Tensor => tf.reshape(x, [B, heads, S, R * N]);
  const queries = tf.add(tf.reshape(ofPairs(eq), [B, A, R, N]), tf.expandDims(asking, 3)) as Tensor;
  const keys = tf.add(tf.reshape(ofPairs(ek), [B, A, R, N]), tf.expandDims(k, 2)) as Tensor;
  const dots: Tensor = tf.reshape(tf.sum(tf.mul(byHead(queries), byHead(keys)), 2), [B, heads, R, N]);
  const scores = tf.mul(dots, 1 / Math.sqrt(A));
  const a_bhrn = tf.softmax(mask ? tf.add(scores, mask) : scores) as Tensor;
  const weighed = tf.mul(byHead(ofPairs(em)), tf.reshape(a_bhrn, [B, heads, 1, R * N]));
  const modulated = rowSums(tf.reshape(weighed, [B, A, R, N]), v);
  return tf.add(tf.transpose(modulated, [0, 2, 1]), projectedSums(a_bhrn, e_bcrn, ev));
}

/** V' Σ_j a_ij e_ij, head by head. @returns shape `[B, R, A]` */
function projectedSums(a_bhrn: Tensor, e_bcrn: Tensor, weight_ca: Tensor): Tensor {
  const [B, H, R] = a_bhrn.shape as [number, number, number];
  const [C, A] = weight_ca.shape as [number, number];
  const sums = tf.matMul(tf.transpose(a_bhrn, [0, 2, 1, 3]), tf.transpose(e_bcrn, [0, 2, 1, 3]), false, true);
  const byHead: Tensor = tf.reshape(tf.transpose(sums, [2, 0, 1, 3]), [H, B * R, C]);
  const weights: Tensor = tf.transpose(tf.reshape(weight_ca, [C, H, A / H]), [1, 0, 2]);
  const projected: Tensor = tf.reshape(tf.matMul(byHead, weights), [H, B, R, A / H]);
  return tf.reshape(tf.transpose(projected, [1, 2, 0, 3]), [B, R, A]);
}
