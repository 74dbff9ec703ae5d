/** @file The layers of NG-T one after the other, its settings, and the masks of a step. */
import { mapValues, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { MetanetError } from '../../metanet.ts';
import { edgeNoise, nodeNoise } from './dropout.ts';
import type { NodeRange } from './relational-attention.ts';
import { relationalLayerParameters, updateEdges, updateNodes } from './relational-layer.ts';

export const ngTSettings = {
  /** Layers. */
  depth: 4,
  /** Channels of nodes, of edges and of the attention, and its heads. */
  nodes: 64,
  edges: 32,
  attention: 128,
  heads: 8,
  /** Widths of the hidden layers of the nodes' and the edges' perceptrons. */
  nodesHidden: 128,
  edgesHidden: 64,
  /** Gaussian frequencies of weights and biases, and their deviation in periods per deviation of a layer's weights. */
  frequencies: 128,
  frequencyScale: 1,
  /** Whether an edge's input also holds the weight of its reverse. */
  reversed: false,
  /** Whether nodes are told their activation. */
  activations: true,
  /** Learned inputs on which every network is run; 0 for none. */
  probes: 0,
  /** What a neuron attends to: `all` neurons, as published, or those that `edges` join it to, and itself. */
  pairs: 'all',
  /** What the head reads: all `outputs` beside each other, their mean (`outputs-mean`), `mean` or `max` of all neurons. */
  pool: 'outputs',
  /** Widths of the head's hidden layers. */
  head: [128] as readonly number[],
  dropout: 0.2,
};
export type NgTSettings = typeof ngTSettings;

/** @throws {MetanetError} on settings that don't fit each other */
export function checkNgT({ attention, heads, pairs, pool, dropout, depth }: NgTSettings): void {
  const wrong = (what: string, must: string, got: unknown) =>
    new MetanetError('ng-t', `${what} must be ${must}, got ${String(got)}`);
  if (!(Number.isInteger(depth) && depth >= 1)) throw wrong('depth', 'a whole number above 0', depth);
  if (!(Number.isInteger(heads) && heads >= 1) || attention % heads !== 0)
    throw wrong('attention', `a multiple of heads (${heads})`, attention);
  if (!['all', 'edges'].includes(pairs)) throw wrong('pairs', 'all or edges', `'${pairs}'`);
  if (!POOLS.includes(pool)) throw wrong('pool', POOLS.join(', '), `'${pool}'`);
  if (!(dropout >= 0 && dropout < 1)) throw wrong('dropout', 'in [0, 1)', dropout);
}
const POOLS = ['outputs', 'outputs-mean', 'mean', 'max'];

/** Of the layers that classifiers and editors share. @param last whether the last layer updates edges too */
export function stackParameters(settings: NgTSettings, last: boolean, stream: RandomStream): NdArrays {
  return Object.assign(
    {},
    ...Array.from({ length: settings.depth }, (_, i) =>
      relationalLayerParameters(`layer${i + 1}`, settings, last || i < settings.depth - 1, stream),
    ),
  ) as NdArrays;
}

export interface Stack {
  readonly x: Tensor;
  readonly e: Tensor;
  readonly mask?: Tensor | undefined;
  readonly noise?: Tensors | undefined;
  /** The nodes that are wanted; all unless said otherwise. Then edges aren't wanted. */
  readonly wanted?: NodeRange | undefined;
  /** Whether edges are wanted too. */
  readonly edges: boolean;
}

/**
 * All layers. Only what is wanted is computed: where the head reads output neurons, the last attention asks for them alone,
 * and the edge update before it gives their edges alone.
 *
 * @returns `x` `[B, N or wanted, D]` and `e` `[B, C, …]`
 */
export function runStack(
  params: Tensors,
  settings: NgTSettings,
  given: Stack,
): { readonly x: Tensor; readonly e: Tensor } {
  const { depth, heads, dropout } = settings;
  const { mask, noise, wanted } = given;
  const common = { dropout, ...(noise ? { noise } : {}) };
  let { x, e } = given;
  for (let i = 1; i <= depth; i++) {
    const rows = i === depth && wanted ? { rows: wanted } : {};
    const asked = wanted && i === depth && i === 1 ? rowsOfPairs(e, wanted) : e;
    const seen = mask && wanted && i === depth ? rowsOfPairs(mask, wanted) : mask;
    x = updateNodes(params, `layer${i}`, x, asked, { heads, ...(seen ? { mask: seen } : {}), ...common, ...rows });
    if (i === depth && !given.edges) break;
    const own = i === depth - 1 && wanted && !given.edges ? { rows: wanted } : {};
    e = updateEdges(params, `layer${i}`, x, e, { ...common, ...own });
  }
  return { x, e };
}

const rowsOfPairs = (e: Tensor, { start, size }: NodeRange): Tensor =>
  tf.slice(e, [0, 0, start, 0], [e.shape[0]!, e.shape[1]!, size, e.shape[3]!]);

/** Masks of one step. @param nodes how many each network has @param edges whether the last layer updates edges */
export function stackNoise(
  settings: NgTSettings,
  [batch, nodes]: readonly [number, number],
  edges: boolean,
  stream: RandomStream,
): NdArrays {
  if (settings.dropout === 0) return {};
  const layers = Array.from({ length: settings.depth }, (_, i) => `layer${i + 1}`);
  return Object.assign(
    {},
    ...layers.flatMap((name, i) => [
      ...['1', '2'].map((part) => nodeNoise(`${name}.${part}`, [batch, nodes, settings.nodes], stream)),
      ...(i < settings.depth - 1 || edges
        ? ['1', '2'].map((part) => edgeNoise(`${name}.edges.${part}`, [batch, nodes, settings.edges], stream))
        : []),
    ]),
  ) as NdArrays;
}

/** Networks whose pairs' attention features take about this many numbers are computed together: more leave the caches. */
const NUMBERS_PER_PIECE = 2 ** 22;

/** Calls back with pieces of the batch and joins what it gives. */
export function byPieces(
  perNetwork: number,
  all: readonly Tensors[],
  f: (...pieces: Tensors[]) => Record<string, Tensor>,
): Record<string, Tensor> {
  const batch = Object.values(all[0]!)[0]!.shape[0]!;
  const count = Math.min(batch, Math.ceil((batch * perNetwork) / NUMBERS_PER_PIECE));
  if (count <= 1) return f(...all);
  const ends = Array.from({ length: count + 1 }, (_, i) => Math.round((i * batch) / count));
  const parts = ends.slice(1).map((end, i) => {
    const start = ends[i]!;
    const cut = (x: Tensor): Tensor =>
      tf.slice(x, [start, ...x.shape.slice(1).map(() => 0)], [end - start, ...x.shape.slice(1)]);
    return f(...all.map((tensors) => mapValues(tensors, cut)));
  });
  return mapValues(parts[0]!, (_, name) =>
    tf.concat(
      parts.map((part) => part[name]!),
      0,
    ),
  );
}
