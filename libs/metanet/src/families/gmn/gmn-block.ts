/** @file The two kinds of blocks of GMN. */
import { tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { addFeatures, combine, projectFeatures } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import { addBias, constantParameter, dense, denseParameters } from '../../layers/dense.ts';
import { normalize } from '../../layers/norms.ts';
import { attentionParameters, attentionUpdate } from './sparse-attention.ts';

export interface BlockSettings {
  readonly width: number;
  /** `messages` or `attention`. */
  readonly layer: string;
  readonly heads: number;
  readonly dropout: number;
}

export interface GraphFeatures {
  readonly nodes: Features;
  readonly edges: Features;
}

/** What an update reads: features with mean 0 and deviation 1, and the maps that norm gain and shift are folded into. */
export interface Normed extends GraphFeatures {
  /** A map of normed features: gain times weight. */
  readonly weight: (end: 'node' | 'edge', weight_cd: Tensor) => Tensor;
  /** What the shift adds after that map. */
  readonly shift: (end: 'node' | 'edge', weight_cd: Tensor) => Tensor;
}

/** @param last a last block changes edges only, unless nodes are read */
export function blockParameters(name: string, settings: BlockSettings, last: boolean, stream: RandomStream): NdArrays {
  const { width: d } = settings;
  const ends = last ? ['edge'] : ['node', 'edge'];
  return Object.assign(
    {},
    ...['node', 'edge'].map((end) => ({
      [`${name}.${end}.gain`]: constantParameter(1, [d]),
      [`${name}.${end}.shift`]: constantParameter(0, [d]),
    })),
    settings.layer === 'attention'
      ? attentionParameters(name, settings, last, stream)
      : {
          ...denseParameters(`${name}.update.edge`, 3 * d, d, stream),
          ...(last
            ? {}
            : {
                ...denseParameters(`${name}.message`, 2 * d, d, stream),
                ...denseParameters(`${name}.update.node`, 2 * d, d, stream),
              }),
        },
    ...ends.map((end) => denseParameters(`${name}.${end}.out`, d, d, stream)),
  ) as NdArrays;
}

/** Masks `<name>.node` and `<name>.edge` `[B, C]`, of channels: the same for all nodes, so that training is invariant too. */
export function blockNoise(
  name: string,
  { width, dropout }: BlockSettings,
  batch: number,
  stream: RandomStream,
): NdArrays {
  if (dropout === 0) return {};
  const mask = (end: string) => {
    const kept = stream.split(`${name}.${end}`).bernoulli([batch, width], 1 - dropout);
    for (let i = 0; i < kept.data.length; i++) kept.data[i]! /= 1 - dropout;
    return kept;
  };
  return { [`${name}.node`]: mask('node'), [`${name}.edge`]: mask('edge') };
}

/**
 * A residual block: norm, update of edges and nodes, dropout, SiLU and a linear map.
 *
 *     e ← e + Lin SiLU drop update(LN x, LN e)        x ← x + Lin SiLU drop update(LN x, LN e)
 *
 * Letters: B networks, C channels.
 *
 * @param params may be copies, with messages: see `project`
 * @param last nodes stay as they are
 * Symmetry: equivariant.
 * Source: Lim et al. 2024, arXiv:2312.04501, section 3 and appendix C; its public code's blocks (after Peebles and Xie 2023,
 *   arXiv:2212.09748).
 * Departs: dropout is of channels, equal for all nodes or edges of a network. Gain and shift of a norm are multiplied into
 *   the maps that follow, which is the same.
 */
export function gmnBlock(
  params: Tensors,
  name: string,
  ops: GraphOps,
  x: GraphFeatures,
  settings: BlockSettings,
  last: boolean,
  noise?: Tensors,
): GraphFeatures {
  const normed: Normed = {
    nodes: combine((v) => normalize(v, 'variance'), x.nodes),
    edges: combine((v) => normalize(v, 'variance'), x.edges),
    weight: (end, weight) => tf.mul(tf.expandDims(params[`${name}.${end}.gain`]!, -1), weight),
    shift: (end, weight) =>
      tf.squeeze(tf.matMul(tf.expandDims(params[`${name}.${end}.shift`]!, -2), weight as never), [-2]),
  };
  const update = settings.layer === 'attention' ? attentionUpdate : messageUpdate;
  const updated = update(params, name, ops, normed, settings, last);
  const masks = {
    node: noise?.[`${name}.node`],
    edge: noise?.[`${name}.edge`],
  };
  const added = (end: 'node' | 'edge', before: Features, change: Features): Features => {
    const mask = masks[end];
    const spread = mask === undefined ? undefined : end === 'node' ? ops.spreadNodes(mask) : ops.spreadEdges(mask);
    const kept = spread === undefined ? change : combine((v, m) => tf.mul(v, m), change, spread);
    return combine((v, b) => tf.add(b, dense(params, `${name}.${end}.out`, silu(v))), kept, before);
  };
  return {
    nodes: updated.nodes === undefined ? x.nodes : added('node', x.nodes, updated.nodes),
    edges: added('edge', x.edges, updated.edges),
  };
}

const silu = (x: Tensor): Tensor => tf.mul(x, tf.sigmoid(x));

/**
 * Message passing that updates edges first.
 *
 *     e' = ReLU Lin[x_source, x_target, e]        x' = ReLU Lin[x, mean over incoming edges of ReLU Lin[x_source, e']]
 *
 * A linear map of joined features is the sum of maps of each: those of nodes are taken before they go to edges.
 */
function messageUpdate(
  params: Tensors,
  name: string,
  ops: GraphOps,
  { nodes, edges, weight, shift }: Normed,
  { width: d }: BlockSettings,
  last: boolean,
): { readonly edges: Features; readonly nodes?: Features } {
  const part = (layer: string, i: number): Tensor => {
    const whole = params[`${name}.${layer}.weight`]!;
    return tf.split(whole, whole.shape.at(-2)! / d, whole.rank - 2)[i]!;
  };
  const [ofSource, ofTarget, ofEdge] = [0, 1, 2].map((i) => part('update.edge', i)) as [Tensor, Tensor, Tensor];
  const biases = tf.addN([
    params[`${name}.update.edge.bias`]!,
    shift('node', ofSource),
    shift('node', ofTarget),
    shift('edge', ofEdge),
  ]) as Tensor;
  const atTarget = combine((v) => addBias(v, biases), projectFeatures(nodes, weight('node', ofTarget)));
  const newEdges = combine(
    (v) => tf.relu(v),
    addFeatures(
      ops.toSource(projectFeatures(nodes, weight('node', ofSource))),
      ops.toTarget(atTarget),
      projectFeatures(edges, weight('edge', ofEdge)),
    ),
  );
  if (last) return { edges: newEdges };
  const [fromNode, fromEdge] = [part('message', 0), part('message', 1)];
  const bias = tf.add(params[`${name}.message.bias`]!, shift('node', fromNode));
  const sent = combine((v) => addBias(v, bias), projectFeatures(nodes, weight('node', fromNode)));
  const messages = combine((v) => tf.relu(v), addFeatures(ops.toSource(sent), projectFeatures(newEdges, fromEdge)));
  const [own, received] = [part('update.node', 0), part('update.node', 1)];
  const nodeBias = tf.add(params[`${name}.update.node.bias`]!, shift('node', own));
  const sum = addFeatures(
    projectFeatures(nodes, weight('node', own)),
    projectFeatures(ops.aggregate(messages, 'mean'), received),
  );
  return { edges: newEdges, nodes: combine((v) => tf.relu(addBias(v, nodeBias)), sum) };
}
