/** @file One layer of the relational transformer: attention and perceptron of the nodes, then an update of the edges. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter, dense, project } from '../../layers/dense.ts';
import { layerNorm } from '../../layers/probe-features.ts';
import { GELU_FACTOR, layerNormFirst, scaledGelu } from './channels-first.ts';
import { dropEdges, dropNodes } from './dropout.ts';
import { relationalAttention, relationalAttentionParameters, xavierParameters } from './relational-attention.ts';
import type { NodeRange } from './relational-attention.ts';

export interface LayerWidths {
  /** Channels of nodes and edges, of the attention, and of the hidden layers of the nodes' and the edges' perceptrons. */
  readonly nodes: number;
  readonly edges: number;
  readonly attention: number;
  readonly nodesHidden: number;
  readonly edgesHidden: number;
}

type Parameters = Record<string, NdArray<'float32'>>;

const normParameters = (name: string, channels: number): Parameters => ({
  [`${name}.gain`]: constantParameter(1, [channels]),
  [`${name}.shift`]: constantParameter(0, [channels]),
});

/** @param updatesEdges whether edges are used after the layer */
export function relationalLayerParameters(
  name: string,
  widths: LayerWidths,
  updatesEdges: boolean,
  stream: RandomStream,
): Parameters {
  const { nodes, edges, attention, nodesHidden, edgesHidden } = widths;
  const linear = (part: string, sizes: readonly [number, number], bias = true) =>
    xavierParameters(`${name}.${part}`, sizes, stream, bias);
  return {
    ...relationalAttentionParameters(`${name}.attention`, widths, stream),
    ...linear('attention.out', [attention, nodes]),
    ...linear('mix', [nodes, nodes]),
    ...normParameters(`${name}.norm1`, nodes),
    ...linear('mlp1', [nodes, nodesHidden], false),
    ...linear('mlp2', [nodesHidden, nodes]),
    ...normParameters(`${name}.norm2`, nodes),
    ...(updatesEdges
      ? {
          ...linear('edges.both', [2 * edges, edgesHidden]),
          ...linear('edges.source', [nodes, edgesHidden]),
          ...linear('edges.target', [nodes, edgesHidden]),
          ...linear('edges.out', [edgesHidden, edges]),
          ...normParameters(`${name}.edges.norm1`, edges),
          ...linear('edges.mlp1', [edges, edgesHidden], false),
          ...linear('edges.mlp2', [edgesHidden, edges]),
          ...normParameters(`${name}.edges.norm2`, edges),
        }
      : {}),
  };
}

export interface NodeUpdateOptions {
  readonly heads: number;
  readonly rows?: NodeRange;
  readonly mask?: Tensor;
  readonly noise?: Tensors;
  readonly dropout: number;
}

/**
 *     x ← LN(x + Lin(Lin(attention))),   x ← LN(x + MLP_GELU(x))
 *
 * @param x_bnd shape `[B, N, D]` @param e_bcrn edges from the nodes that ask; shape `[B, C, R, N]`
 * @returns features of the nodes that ask; shape `[B, R, D]`
 * Symmetry: equivariant to permutations of nodes.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, section 3.3. Departs: dropout's masks, see `dropNodes`.
 */
export function updateNodes(
  params: Tensors,
  name: string,
  x_bnd: Tensor,
  e_bcrn: Tensor,
  options: NodeUpdateOptions,
): Tensor {
  const { rows, noise, dropout } = options;
  const norm = (part: string, x: Tensor) =>
    layerNorm(x, params[`${name}.${part}.gain`]!, params[`${name}.${part}.shift`]!);
  const attended = relationalAttention(params, `${name}.attention`, x_bnd, e_bcrn, options);
  const update = dense(params, `${name}.mix`, dense(params, `${name}.attention.out`, attended));
  const [B, , D] = x_bnd.shape as [number, number, number];
  const own = rows === undefined ? x_bnd : (tf.slice(x_bnd, [0, rows.start, 0], [B, rows.size, D]) as Tensor);
  const x = norm('norm1', tf.add(own, dropNodes(update, noise, `${name}.1`, dropout, rows)));
  const hidden = scaledGelu(project(x, tf.mul(params[`${name}.mlp1.weight`]!, GELU_FACTOR)));
  const ofHidden = project(hidden, tf.mul(params[`${name}.mlp2.weight`]!, GELU_FACTOR));
  const second = tf.add(ofHidden, params[`${name}.mlp2.bias`]!) as Tensor;
  return norm('norm2', tf.add(x, dropNodes(second, noise, `${name}.2`, dropout, rows)));
}

export interface EdgeUpdateOptions {
  readonly rows?: NodeRange;
  readonly noise?: Tensors;
  readonly dropout: number;
}

/**
 *     e_ij ← LN(e_ij + Lin GELU(Lin[e_ij, e_ji] + Lin x_i + Lin x_j)),   e ← LN(e + MLP_GELU(e))
 *
 * @param x_bnd shape `[B, N, D]` @param e_bcnn all edges; shape `[B, C, N, N]`
 * @param options `rows`: the nodes whose edges are wanted, all unless said otherwise
 * @returns edges from those nodes to all; shape `[B, C, R, N]`
 * Symmetry: equivariant to permutations of nodes.
 * Source: Kofinas et al. 2024, arXiv:2403.12143, section 3.3, and Diao and Loynd 2023, arXiv:2210.05062, eq. 9–12.
 * Departs: dropout's masks, see `dropEdges`.
 */
export function updateEdges(
  params: Tensors,
  name: string,
  x_bnd: Tensor,
  e_bcnn: Tensor,
  { rows, noise, dropout }: EdgeUpdateOptions,
): Tensor {
  const get = (part: string) => params[`${name}.edges.${part}`]!;
  const [B, C, , N] = e_bcnn.shape as [number, number, number, number];
  const R = rows?.size ?? N;
  const [own, back] = bothWays(e_bcnn, rows);
  const H = get('out.weight').shape[0]!;
  const before: Tensor = tf.mul(get('both.weight'), GELU_FACTOR);
  const of = first(before, tf.reshape(tf.concat([own, back], 1), [B, 2 * C, R * N]));
  const bias = tf.add(tf.add(get('both.bias'), get('source.bias')), get('target.bias'));
  const source = tf.transpose(
    tf.mul(tf.add(project(rowsOf(x_bnd, rows), get('source.weight')), bias), GELU_FACTOR),
    [0, 2, 1],
  );
  const target = tf.transpose(project(x_bnd, tf.mul(get('target.weight'), GELU_FACTOR)), [0, 2, 1]);
  const ends = tf.add(tf.add(tf.reshape(of, [B, H, R, N]), tf.expandDims(source, 3)), tf.expandDims(target, 2));
  const flat = (x: Tensor): Tensor => tf.reshape(x, [B, -1, R * N]);
  const drop = (x: Tensor, part: string): Tensor =>
    flat(dropEdges(tf.reshape(x, [B, C, R, N]), noise, `${name}.edges.${part}`, dropout, rows));
  const norm = (x: Tensor, part: string) => layerNormFirst(x, get(`${part}.gain`), get(`${part}.shift`));
  const after = (hidden: Tensor, part: string): Tensor =>
    tf.add(first(tf.mul(get(`${part}.weight`), GELU_FACTOR), hidden), tf.reshape(get(`${part}.bias`), [1, C, 1]));
  const e = norm(tf.add(flat(own), drop(after(scaledGelu(flat(ends)), 'out'), '1')), 'norm1');
  const hidden = scaledGelu(first(tf.mul(get('mlp1.weight'), GELU_FACTOR), e));
  return tf.reshape(norm(tf.add(e, drop(after(hidden, 'mlp2'), '2')), 'norm2'), [B, C, R, N]);
}

/** weightᵀ · x for every network. @param weight_cd shape `[C, D]` @param x_bcp shape `[B, C, P]` */
function first(weight_cd: Tensor, x_bcp: Tensor): Tensor {
  const [C, D] = weight_cd.shape as [number, number];
  return tf.matMul(tf.reshape(tf.transpose(weight_cd), [1, D, C]), x_bcp);
}

function rowsOf(x_bnd: Tensor, rows: NodeRange | undefined): Tensor {
  const [B, , D] = x_bnd.shape as [number, number, number];
  return rows === undefined ? x_bnd : tf.slice(x_bnd, [0, rows.start, 0], [B, rows.size, D]);
}

/** e_ij and e_ji, for i in the rows. */
function bothWays(e: Tensor, rows: NodeRange | undefined): readonly [Tensor, Tensor] {
  if (rows === undefined) return [e, tf.transpose(e, [0, 1, 3, 2])];
  const [B, C, N] = e.shape as [number, number, number];
  const columns = tf.slice(e, [0, 0, 0, rows.start], [B, C, N, rows.size]);
  return [tf.slice(e, [0, 0, rows.start, 0], [B, C, rows.size, N]), tf.transpose(columns, [0, 1, 3, 2])];
}
