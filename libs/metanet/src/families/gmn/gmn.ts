/** @file Graph metanetworks: message passing on the full parameter graph. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { blockOps } from '../../graph/block-ops.ts';
import { columnsOf } from '../../graph/columns.ts';
import { edgeOps } from '../../graph/edge-ops.ts';
import { edgeTemplate } from '../../graph/edge-template.ts';
import { combine, projectFeatures } from '../../graph/features.ts';
import type { Features } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import { measureEdgeScales } from '../../graph/edge-scales.ts';
import { metaGraph } from '../../graph/meta-graph.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { packGraphs } from '../../graph/pack-graphs.ts';
import { parametersOfBlocks } from '../../graph/write-back.ts';
import { KNOWN_IDS } from '../../graph/attributes.ts';
import { constantParameter, dense, denseParameters } from '../../layers/dense.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { normalize } from '../../layers/norms.ts';
import { MetanetError } from '../../metanet.ts';
import type { Editor, Metanet, MixedMetanet, Networks } from '../../metanet.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { blockNoise, blockParameters, gmnBlock } from './gmn-block.ts';
import type { GraphFeatures } from './gmn-block.ts';
import { encodeGraph, encoderFrequencies, encoderParameters, idCounts } from './gmn-encoder.ts';
import type { IdCounts } from './gmn-encoder.ts';

const KIND = 'gmn';

export const gmnSettings = {
  /** Channels of nodes and of edges. */
  width: 64,
  layers: 4,
  /** `messages` (edge-updating message passing) or `attention` (sparse graph transformer). */
  layer: 'messages',
  /** Of attention. */
  heads: 4,
  /** How numbers are encoded: `sine` of a learned linear map, or `fourier` features. */
  encoding: 'sine',
  /** Deviation of Fourier frequencies. */
  frequencyScale: 3,
  /** Whether activations, parts of layers, kinds of places and directions of edges are told apart. */
  details: true,
  /** Whether heads, running statistics and what ties equal orders are in the graph. */
  exact: true,
  /** Whether edges also lead back. */
  undirected: true,
  /** What the outputs are read from: the mean over `edges`, or over edges and nodes (`both`). */
  readout: 'edges',
  /** Widths of the read-out's hidden layers. */
  head: [64] as readonly number[],
  /** Share of channels that training drops, in blocks and in the read-out. */
  dropout: 0,
  /** Whether outputs are between 0 and 1. */
  sigmoid: false,
  /** Divide values by the root mean square of their kind of edge over the training networks. */
  normalize: true,
};
export type GmnSettings = typeof gmnSettings;

export const gmn: MetanetKind<GmnSettings> = {
  kind: KIND,
  family: 'GMN',
  source: 'Lim et al. 2024, arXiv:2312.04501',
  symmetry:
    'invariant to permutations of hidden neurons, heads and channels: to the automorphisms of the parameter graph',
  inputs: ['any network'],
  takes: inputFamilies,
  settings: gmnSettings,
  published: {
    settings: { details: false, exact: false, undirected: false, normalize: false, encoding: 'sine', readout: 'edges' },
    sizes: [2, 32, 32, 1],
    outputs: 1,
    parameterCount: 181_505,
    departs:
      '13 kinds of nodes in place of 17: 256 parameters fewer; with attention 193,665 in place of 226,561, since the norms ' +
      "and the SiLU-Linear of the block stand for GRIT's own norms and feed-forward layer",
  },
  create: (architecture, outputs, settings) => createGmn(architecture, outputs, settings),
  edit: (architecture, settings) => editGmn(architecture, settings),
  mix: (architectures, outputs, settings) => mixGmn(architectures, outputs, settings),
};

const graphOf = (architecture: Architecture, { exact, undirected }: GmnSettings): MetaGraph =>
  metaGraph(architecture, { style: 'graph-metanetwork', exact, reversed: undirected });

const nameOf = (i: number): string => `layer${i + 1}`;
const readsNodes = ({ readout }: GmnSettings): boolean => readout === 'both';
/** Whether block i changes edges only. */
const isLast = (i: number, settings: GmnSettings): boolean => i === settings.layers - 1 && !readsNodes(settings);

function bodyParameters(settings: GmnSettings, stream: RandomStream): NdArrays {
  const blocks = Array.from({ length: settings.layers }, (_, i) =>
    blockParameters(nameOf(i), settings, isLast(i, settings), stream),
  );
  return Object.assign({}, encoderParameters(settings, stream), ...blocks) as NdArrays;
}

function bodyNoise(settings: GmnSettings, batch: number, stream: RandomStream): NdArrays {
  const blocks = Array.from({ length: settings.layers }, (_, i) => blockNoise(nameOf(i), settings, batch, stream));
  return Object.assign({}, ...blocks) as NdArrays;
}

function body(
  params: Tensors,
  fixed: Tensors,
  ops: GraphOps,
  settings: GmnSettings,
  counts: IdCounts,
  noise?: Tensors,
): GraphFeatures {
  let x: GraphFeatures = encodeGraph(params, fixed, ops, settings, counts);
  for (let i = 0; i < settings.layers; i++) {
    x = gmnBlock(params, nameOf(i), ops, x, settings, isLast(i, settings), noise);
  }
  return x;
}

/** Norm without gain and shift, which the linear map that follows has as well. */
const finish = (params: Tensors, name: string, x: Features): Features =>
  combine((v) => dense(params, name, normalize(v, 'variance')), x);

function classifierParameters(outputs: number, settings: GmnSettings, stream: RandomStream): NdArrays {
  const { width, head } = settings;
  const ends = readsNodes(settings) ? ['edge', 'node'] : ['edge'];
  return Object.assign(
    bodyParameters(settings, stream),
    ...ends.map((end) => ({
      ...denseParameters(`${end}.last`, width, width, stream),
      ...denseParameters(`${end}.read`, width, width, stream),
    })),
    headParameters(ends.length * width, outputs, { head, dropout: 0 }, stream),
  ) as NdArrays;
}

/**
 * Deep Sets over edges (and nodes): the mean of ReLU Lin x, then a perceptron.
 *
 * @returns shape `[B, outputs]`
 * Symmetry: invariant.
 * Source: arXiv:2312.04501, section 3. Departs: nothing.
 */
function readOut(params: Tensors, ops: GraphOps, x: GraphFeatures, settings: GmnSettings, noise?: Tensors): Tensor {
  const read = (end: 'edge' | 'node', features: Features): Tensor => {
    const set = combine((v) => tf.relu(dense(params, `${end}.read`, v)), finish(params, `${end}.last`, features));
    return end === 'edge' ? ops.poolEdges(set, 'mean') : ops.poolNodes(set, 'mean');
  };
  const edges = read('edge', x.edges);
  const pooled = readsNodes(settings) ? tf.concat([edges, read('node', x.nodes)], 1) : edges;
  const outputs = applyHead(params, pooled, settings, noise);
  return settings.sigmoid ? tf.sigmoid(outputs) : outputs;
}

/** What does not depend on what is read out. */
function common(settings: GmnSettings, graphs: (architecture: Architecture) => MetaGraph) {
  return {
    measure: (networks: readonly Networks[], stream: RandomStream): NdArrays => ({
      ...encoderFrequencies(settings, stream.split('frequencies')),
      ...(settings.normalize
        ? {
            scale: measureEdgeScales(
              networks.map((own) => ({ graph: graphs(own.architecture), weights: own.weights })),
            ),
          }
        : {}),
    }),
    noise: (batch: number, stream: RandomStream): NdArrays => ({
      ...bodyNoise(settings, batch, stream.split('blocks')),
      ...headNoise(batch, settings, stream.split('head')),
    }),
  };
}

function createGmn(architecture: Architecture, outputs: number, settings: GmnSettings): Metanet {
  check(settings);
  const graph = graphOf(architecture, settings);
  const [columns, counts] = [columnsOf([graph]), idCounts([graph])];
  const initialize = (stream: RandomStream) => classifierParameters(outputs, settings, stream);
  const { measure, noise } = common(settings, () => graph);
  return {
    kind: KIND,
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: (weights, stream) => measure([{ architecture, weights }], stream),
    noise,
    apply: (params, fixed, weights, masks) => {
      const ops = blockOps(graph, columns, weights);
      return readOut(params, ops, body(params, fixed, ops, settings, counts, masks), settings, masks);
    },
  };
}

/** Start of the learned scales of changes, as other editors have it. */
const EDIT_SCALE = 0.01;

/** The last features of each edge give the change of its parameter, times a learned scale for each kind of edge. */
function editGmn(architecture: Architecture, settings: GmnSettings): Editor {
  check(settings);
  const graph = graphOf(architecture, settings);
  const [columns, counts] = [columnsOf([graph]), idCounts([graph])];
  // Nodes are not read, so the last block changes edges only.
  const own = { ...settings, readout: 'edges' };
  const initialize = (stream: RandomStream): NdArrays => ({
    ...bodyParameters(own, stream),
    ...denseParameters('edge.last', settings.width, settings.width, stream),
    ...denseParameters('edge.change', settings.width, 1, stream),
    'edge.scale': constantParameter(EDIT_SCALE, [KNOWN_IDS.edgeKind, 1]),
  });
  const { measure } = common(own, () => graph);
  return {
    kind: KIND,
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: (weights, stream) => measure([{ architecture, weights }], stream),
    noise: (batch, stream) => bodyNoise(own, batch, stream.split('blocks')),
    apply: (params, fixed, weights, masks) => {
      const ops = blockOps(graph, columns, weights);
      const { edges } = body(params, fixed, ops, own, counts, masks);
      const hidden = combine((v) => tf.relu(v), finish(params, 'edge.last', edges));
      const change = combine(
        (v, scale) => tf.mul(tf.add(v, params['edge.change.bias']!), scale),
        projectFeatures(hidden, params['edge.change.weight']!),
        ops.embedEdges('kind', params['edge.scale']!),
      );
      return parametersOfBlocks(graph, columns, ops.networks, change);
    },
  };
}

function mixGmn(architectures: readonly Architecture[], outputs: number, settings: GmnSettings): MixedMetanet {
  check(settings);
  const graphs = new Map(architectures.map((architecture) => [architecture, graphOf(architecture, settings)]));
  const graphFor = (architecture: Architecture): MetaGraph =>
    graphs.get(architecture) ?? graphOf(architecture, settings);
  const columns = columnsOf([...graphs.values()]);
  const counts = idCounts([...graphs.values()]);
  const templates = new Map([...graphs].map(([architecture, graph]) => [architecture, edgeTemplate(graph, columns)]));
  const templateFor = (architecture: Architecture) => {
    const found = templates.get(architecture);
    if (found) return found;
    throw new MetanetError(
      KIND,
      `pack: architectures must be those that the metanet was made for, got '${architecture.name}'`,
    );
  };
  const initialize = (stream: RandomStream) => classifierParameters(outputs, settings, stream);
  const { measure, noise } = common(settings, graphFor);
  return {
    kind: KIND,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure,
    on: (architecture) => createGmn(architecture, outputs, settings),
    pack: (networks) =>
      packGraphs(
        KIND,
        networks.map(({ architecture, weights }) => ({ template: templateFor(architecture), weights })),
        columns,
      ),
    noise: (batch, stream) => noise(batch['edgeCount']!.shape[0]!, stream),
    apply: (params, fixed, batch, masks) => {
      const ops = edgeOps(batch);
      return readOut(params, ops, body(params, fixed, ops, settings, counts, masks), settings, masks);
    },
  };
}

function check({ width, layers, layer, heads, encoding, readout, dropout, head }: GmnSettings): void {
  const whole = (value: number) => Number.isInteger(value) && value >= 1;
  const refuse = (what: string, must: string, got: unknown): never => {
    throw new MetanetError(KIND, `${what} must be ${must}, got ${JSON.stringify(got)}`);
  };
  if (!whole(width)) refuse('width', 'a whole number ≥ 1', width);
  if (!whole(layers)) refuse('layers', 'a whole number ≥ 1', layers);
  if (!['messages', 'attention'].includes(layer)) refuse('layer', "'messages' or 'attention'", layer);
  if (!whole(heads) || (layer === 'attention' && width % heads !== 0)) refuse('heads', 'a divisor of width', heads);
  if (!['sine', 'fourier'].includes(encoding)) refuse('encoding', "'sine' or 'fourier'", encoding);
  if (encoding === 'fourier' && width % 2 !== 0) refuse('width', 'even with Fourier features', width);
  if (!['edges', 'both'].includes(readout)) refuse('readout', "'edges' or 'both'", readout);
  if (!(dropout >= 0 && dropout < 1)) refuse('dropout', 'at least 0 and less than 1', dropout);
  if (!head.every(whole)) refuse('head', 'a list of whole numbers ≥ 1', head);
}
