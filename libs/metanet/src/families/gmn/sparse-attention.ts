/** @file Attention of each node over the edges that lead to it. */
import { ndarray, tf, toTensor } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { addFeatures, combine, projectFeatures } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import { constantParameter, denseParameters } from '../../layers/dense.ts';
import type { BlockSettings, Normed } from './gmn-block.ts';

const withoutBias = (name: string, inputs: number, outputs: number, stream: RandomStream): NdArrays => {
  const { [`${name}.weight`]: weight } = denseParameters(name, inputs, outputs, stream);
  return { [`${name}.weight`]: weight! };
};

export function attentionParameters(
  name: string,
  { width: d, heads }: BlockSettings,
  last: boolean,
  stream: RandomStream,
): NdArrays {
  return {
    ...denseParameters(`${name}.query`, d, d, stream),
    ...withoutBias(`${name}.key`, d, d, stream),
    ...denseParameters(`${name}.factor`, d, d, stream),
    ...denseParameters(`${name}.offset`, d, d, stream),
    ...denseParameters(`${name}.mix.edge`, d, d, stream),
    ...(last
      ? {}
      : {
          [`${name}.logit`]: stream.split(`${name}.logit`).normal([d, 1], 0, Math.sqrt(heads / d)),
          ...withoutBias(`${name}.value`, d, d, stream),
          // One matrix for each head, one below the other.
          ...withoutBias(`${name}.enhance`, d, d / heads, stream),
          ...denseParameters(`${name}.mix.node`, d, d, stream),
          [`${name}.degree.plain`]: constantParameter(1, [d]),
          [`${name}.degree.log`]: constantParameter(0, [d]),
        }),
  };
}

/**
 * Attention over incoming edges, whose logits and values see the edges, and which updates them.
 *
 *     ê = ReLU(ρ((Q x_target + K x_source) ⊙ W e) + U e)        ρ(z) = sign z · √|z|
 *     e' = Lin ê        α = softmax over incoming edges of A ê, for each head
 *     x' = Lin(y ⊙ θ₁ + log(1 + degree) y ⊙ θ₂),        y = Σ α (V x_source + E ê)
 *
 * The map E is applied to the sum, since nodes are fewer than edges.
 *
 * Letters: C channels, H heads.
 *
 * @param last only edges are updated
 * Symmetry: equivariant.
 * Source: Ma et al. 2023, "Graph Inductive Biases in Transformers without Message Passing" (GRIT), arXiv:2305.17589, eq. 2
 *   and section 3.2, over edges of the parameter graph alone as in Lim et al. 2024, arXiv:2312.04501, appendix C.
 * Departs: ρ is z / √(|z| + 10⁻⁴), whose slope at 0 is finite; the block's norms and SiLU-Linear stand for GRIT's own norms
 *   and feed-forward layer; no clamp of the logits, since the softmax subtracts their maximum.
 */
export function attentionUpdate(
  params: Tensors,
  name: string,
  ops: GraphOps,
  { nodes, edges, weight, shift }: Normed,
  { width: d, heads }: BlockSettings,
  last: boolean,
): { readonly edges: Features; readonly nodes?: Features } {
  const own = (layer: string): Tensor => params[`${name}.${layer}.weight`]!;
  const map = (end: 'node' | 'edge', x: Features, layer: string, bias?: Tensor): Features => {
    const added = bias === undefined ? shift(end, own(layer)) : tf.add(bias, shift(end, own(layer)));
    return combine((v) => tf.add(v, added), projectFeatures(x, weight(end, own(layer))));
  };
  const biasOf = (layer: string): Tensor => params[`${name}.${layer}.bias`]!;
  const queries = ops.toTarget(map('node', nodes, 'query', biasOf('query')));
  const keys = ops.toSource(map('node', nodes, 'key'));
  const hidden = combine(
    (qk, w, u) => tf.relu(tf.add(signedRoot(tf.mul(qk, w)), u)),
    addFeatures(queries, keys),
    map('edge', edges, 'factor', biasOf('factor')),
    map('edge', edges, 'offset', biasOf('offset')),
  );
  const newEdges = combine((v) => tf.add(v, biasOf('mix.edge')), projectFeatures(hidden, own('mix.edge')));
  if (last) return { edges: newEdges };
  const spread = headMatrix(d, heads);
  const logits = projectFeatures(hidden, tf.mul(params[`${name}.logit`]!, tf.transpose(spread)) as Tensor);
  const shares = projectFeatures(ops.softmax(logits), spread);
  const values = ops.toSource(map('node', nodes, 'value'));
  const taken = ops.aggregate(
    combine((a, v) => tf.mul(a, v), shares, values),
    'sum',
  );
  const seen = ops.aggregate(
    combine((a, v) => tf.mul(a, v), shares, hidden),
    'sum',
  );
  const y = addFeatures(taken, projectFeatures(seen, blockDiagonal(own('enhance'), heads, spread)));
  const scaled = combine(
    (v, degree) => {
      const log = tf.mul(tf.log(tf.add(degree, 1)), params[`${name}.degree.log`]!);
      return tf.mul(v, tf.add(log, params[`${name}.degree.plain`]!));
    },
    y,
    ops.degrees(),
  );
  return {
    edges: newEdges,
    nodes: combine((v) => tf.add(v, biasOf('mix.node')), projectFeatures(scaled, own('mix.node'))),
  };
}

const signedRoot = (z: Tensor): Tensor => tf.mul(z, tf.rsqrt(tf.add(tf.abs(z), 1e-4)));

/** `[H, C]`: 1 where a channel is one of the head's. */
function headMatrix(channels: number, heads: number): Tensor {
  const size = channels / heads;
  const data = Float32Array.from({ length: heads * channels }, (_, i) =>
    Number(Math.floor((i % channels) / size) === Math.floor(i / channels)),
  );
  return toTensor(ndarray(data, [heads, channels]));
}

/** Matrices of heads `[H · C/H, C/H]` on the diagonal of one `[C, C]`. */
function blockDiagonal(stacked: Tensor, heads: number, spread: Tensor): Tensor {
  const wide = heads === 1 ? stacked : tf.concat(Array<Tensor>(heads).fill(stacked), 1);
  return tf.mul(wide, tf.matMul(spread as never, spread as never, true, false));
}
