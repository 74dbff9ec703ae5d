/** @file NG-GNN, on networks of one architecture and on several. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { blockOps } from '../../graph/block-ops.ts';
import { edgeOps } from '../../graph/edge-ops.ts';
import { edgeTemplate } from '../../graph/edge-template.ts';
import type { EdgeTemplate } from '../../graph/edge-template.ts';
import { addFeatures, applyLinear, combine } from '../../graph/features.ts';
import type { Features, LinearFeatures } from '../../graph/features.ts';
import type { GraphOps } from '../../graph/graph-ops.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { packGraphs } from '../../graph/pack-graphs.ts';
import { constantParameter } from '../../layers/dense.ts';
import { applyHead, headParameters } from '../../layers/mlp-head.ts';
import { layerNorm } from '../../layers/probe-features.ts';
import { MetanetError } from '../../metanet.ts';
import type { Editor, Metanet, MixedMetanet } from '../../metanet.ts';
import { fractionMask } from './dropout.ts';
import { editGraph, editParameters } from './edit-graph.ts';
import {
  encodeEdges,
  encodeNodes,
  encoderFrequencies,
  encoderParameters,
  probeNodeParameters,
  probeNodes,
} from './graph-encoder.ts';
import { measureGraphs, neuralGraph, vocabularyOf } from './graph-vocabulary.ts';
import type { GraphVocabulary } from './graph-vocabulary.ts';
import { edgeUpdateParameters, pna, pnaParameters, silu, updatePnaEdges } from './pna.ts';

export const ngGnnSettings = {
  /** Layers. */
  depth: 4,
  /** Of nodes and of edges. */
  channels: 32,
  /** Gaussian frequencies of weights and biases, and their deviation in periods per deviation of a layer's weights. */
  frequencies: 128,
  frequencyScale: 3,
  /** Whether edges are also there from their targets to their sources; without, inputs hear nothing. */
  reversed: true,
  /** Whether nodes are told their activation. */
  activations: true,
  /** Learned inputs on which every network is run; 0 for none. */
  probes: 0,
  /** What the head reads: all `outputs` beside each other, their mean (`outputs-mean`), `mean` or `max` of all neurons. */
  pool: 'outputs',
  /** Widths of the head's hidden layers. */
  head: [32, 32] as readonly number[],
  dropout: 0.2,
  /** Whether a layer adds to what it reads. Not in the public code; it trains in far fewer steps. */
  residual: false,
};
export type NgGnnSettings = typeof ngGnnSettings;

const KIND = 'ng-gnn';

function check({ depth, pool, dropout }: NgGnnSettings): void {
  const wrong = (what: string, must: string, got: unknown) =>
    new MetanetError(KIND, `${what} must be ${must}, got ${String(got)}`);
  if (!(Number.isInteger(depth) && depth >= 1)) throw wrong('depth', 'a whole number above 0', depth);
  if (!POOLS.includes(pool)) throw wrong('pool', POOLS.join(', '), `'${pool}'`);
  if (!(dropout >= 0 && dropout < 1)) throw wrong('dropout', 'in [0, 1)', dropout);
}
const POOLS = ['outputs', 'outputs-mean', 'mean', 'max'];

const widthsOf = ({ channels }: NgGnnSettings) => ({ nodes: channels, edges: channels });

/** @param last whether the last layer updates edges too, and normalizes nodes */
function stackParameters(settings: NgGnnSettings, last: boolean, stream: RandomStream): NdArrays {
  const { channels, depth } = settings;
  return Object.assign(
    {},
    ...Array.from({ length: depth }, (_, i) => {
      const name = `layer${i + 1}`;
      const updated = last || i < depth - 1;
      return {
        ...pnaParameters(name, channels, stream),
        ...(i < depth - 1
          ? {
              [`${name}.norm.gain`]: constantParameter(1, [channels]),
              [`${name}.norm.shift`]: constantParameter(0, [channels]),
            }
          : {}),
        ...(updated ? edgeUpdateParameters(`${name}.edges`, channels, stream) : {}),
      };
    }),
  ) as NdArrays;
}

/** Layer norm is of each node by itself. */
function runStack(
  params: Tensors,
  settings: NgGnnSettings,
  ops: GraphOps,
  given: { readonly x: Features; readonly e: Features },
  {
    logDegree,
    noise,
    edges,
  }: { readonly logDegree: Tensor; readonly noise: Tensors | undefined; readonly edges: boolean },
): { readonly x: Features; readonly e: LinearFeatures } {
  let { x } = given;
  let e: LinearFeatures = { of: given.e };
  for (let i = 1; i <= settings.depth; i++) {
    const name = `layer${i}`;
    const read = x;
    x = pna(params, name, ops, x, e, logDegree);
    if (i < settings.depth) {
      const [gain, shift] = [params[`${name}.norm.gain`]!, params[`${name}.norm.shift`]!];
      x = drop(
        combine((own) => silu(layerNorm(own, gain, shift)), x),
        noise,
        name,
        settings.dropout,
        ops,
      );
    }
    if (settings.residual) x = addFeatures(read, x);
    if (i < settings.depth || edges) e = updatePnaEdges(params, `${name}.edges`, ops, x, e);
  }
  return { x, e };
}

/** `<layer>.channel` `[B, C]` and for each part of the nodes `<layer>.<part>` `[…, 1]`: see `dropNodes`. */
function drop(x: Features, noise: Tensors | undefined, layer: string, dropout: number, ops: GraphOps): Features {
  const channel = noise?.[`${layer}.channel`];
  if (dropout === 0 || !channel) return x;
  const nodes = Object.fromEntries(Object.keys(x).map((key) => [key, noise[`${layer}.${key}`]!]));
  return combine((own, u, c) => tf.mul(own, fractionMask(tf.add(u, c), dropout)), x, nodes, ops.spreadNodes(channel));
}

type Parts = readonly { readonly key: string; readonly shape: readonly number[] }[];

function stackNoise(
  { depth, dropout, channels }: NgGnnSettings,
  batch: number,
  parts: Parts,
  stream: RandomStream,
): NdArrays {
  if (dropout === 0) return {};
  const all = Array.from({ length: depth - 1 }, (_, i): (readonly [string, NdArray])[] => {
    const own = stream.split(`layer${i + 1}`);
    return [
      [`layer${i + 1}.channel`, own.split('channel').uniform([batch, channels], 0, 1)],
      ...parts.map(({ key, shape }) => [`layer${i + 1}.${key}`, own.split(key).uniform(shape, 0, 1)] as const),
    ];
  });
  return Object.fromEntries(all.flat());
}

function pooled(ops: GraphOps, x: Features, { pool, channels }: NgGnnSettings, count: number): Tensor {
  if (pool === 'outputs') return tf.reshape(ops.outputs(x, count), [ops.networks, count * channels]);
  if (pool === 'outputs-mean') return ops.poolNodes(x, 'mean', ['output']);
  return ops.poolNodes(x, pool as 'mean' | 'max');
}

const pooledWidth = ({ pool, channels }: NgGnnSettings, { outputs }: GraphVocabulary): number =>
  pool === 'outputs' ? outputs * channels : channels;

interface Body {
  readonly graph: MetaGraph;
  readonly parameters: (stream: RandomStream) => NdArrays;
  readonly measure: Metanet['measure'];
  readonly noise: Metanet['noise'];
  readonly run: (
    params: Tensors,
    fixed: Tensors,
    weights: Tensors,
    noise: Tensors | undefined,
    edges: boolean,
  ) => { readonly ops: GraphOps; readonly x: Features; readonly e: LinearFeatures };
}

function bodyOf(architecture: Architecture, vocabulary: GraphVocabulary, settings: NgGnnSettings): Body {
  check(settings);
  const graph = neuralGraph(architecture, settings.reversed, true);
  return {
    graph,
    parameters: (stream) => ({
      ...encoderParameters(vocabulary, widthsOf(settings), settings, stream.split('encoder')),
      ...(settings.probes > 0
        ? probeNodeParameters(KIND, graph, settings.probes, settings.channels, stream.split('probe'))
        : {}),
    }),
    measure: (weights, stream) => ({
      ...encoderFrequencies(vocabulary, settings, stream.split('frequencies')),
      ...measureGraphs(vocabulary, [{ graph, networks: { architecture, weights } }]),
    }),
    noise: (batch, stream) => {
      const parts = graph.groups.map(({ key, size }) => ({ key, shape: [batch, size, 1] }));
      return stackNoise(settings, batch, parts, stream);
    },
    run: (params, fixed, weights, noise, edges) => {
      const ops = blockOps(graph, vocabulary.columns, weights);
      const probed = settings.probes > 0 ? probeNodes(params, graph, weights) : undefined;
      const given = {
        x: encodeNodes(params, fixed, ops, vocabulary, probed),
        e: encodeEdges(params, fixed, ops, vocabulary, settings),
      };
      return { ops, ...runStack(params, settings, ops, given, { logDegree: fixed['degree']!, noise, edges }) };
    },
  };
}

/** @param vocabulary of all architectures that share the parameters; of this one unless said otherwise */
export function createNgGnn(
  architecture: Architecture,
  outputs: number,
  settings: NgGnnSettings,
  vocabulary = vocabularyOf([neuralGraph(architecture, settings.reversed)]),
): Metanet {
  const body = bodyOf(architecture, vocabulary, settings);
  const head = { head: settings.head, dropout: 0 };
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.parameters(stream),
    ...stackParameters(settings, false, stream),
    ...headParameters(pooledWidth(settings, vocabulary), outputs, head, stream),
  });
  return {
    kind: KIND,
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: body.noise,
    apply: (params, fixed, weights, noise) => {
      const { ops, x } = body.run(params, fixed, weights, noise, false);
      return applyHead(params, pooled(ops, x, settings, vocabulary.outputs), head);
    },
  };
}

export function editNgGnn(architecture: Architecture, settings: NgGnnSettings): Editor {
  const vocabulary = vocabularyOf([neuralGraph(architecture, settings.reversed)]);
  const body = bodyOf(architecture, vocabulary, settings);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.parameters(stream),
    ...stackParameters(settings, true, stream),
    ...editParameters(vocabulary, widthsOf(settings), stream),
  });
  return {
    kind: KIND,
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: body.noise,
    apply: (params, fixed, weights, noise) => {
      const { ops, x, e } = body.run(params, fixed, weights, noise, true);
      return editGraph(params, body.graph, vocabulary, ops, x, applyLinear(e));
    },
  };
}

export function mixNgGnn(
  architectures: readonly Architecture[],
  outputs: number,
  settings: NgGnnSettings,
): MixedMetanet {
  check(settings);
  if (settings.probes > 0)
    throw new MetanetError(KIND, 'probes must be 0 for several architectures: each runs on inputs of its own');
  const graphOf = (architecture: Architecture) => neuralGraph(architecture, settings.reversed);
  const vocabulary = vocabularyOf(architectures.map(graphOf));
  const templates = new Map<Architecture, EdgeTemplate>();
  const templateOf = (architecture: Architecture): EdgeTemplate => {
    const known = templates.get(architecture) ?? edgeTemplate(graphOf(architecture), vocabulary.columns);
    templates.set(architecture, known);
    return known;
  };
  const head = { head: settings.head, dropout: 0 };
  const initialize = (stream: RandomStream): NdArrays => ({
    ...encoderParameters(vocabulary, widthsOf(settings), settings, stream.split('encoder')),
    ...stackParameters(settings, false, stream),
    ...headParameters(pooledWidth(settings, vocabulary), outputs, head, stream),
  });
  return {
    kind: KIND,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: (networks, stream) => ({
      ...encoderFrequencies(vocabulary, settings, stream.split('frequencies')),
      ...measureGraphs(
        vocabulary,
        networks.map((own) => ({ graph: templateOf(own.architecture).graph, networks: own })),
      ),
    }),
    on: (architecture) => createNgGnn(architecture, outputs, settings, vocabulary),
    pack: (networks) =>
      packGraphs(
        KIND,
        networks.map(({ architecture, weights }) => ({ template: templateOf(architecture), weights })),
        vocabulary.columns,
      ),
    noise: (batch, stream) => {
      const [V, B] = [batch['nodeNetwork']!.shape[0]!, batch['edgeCount']!.shape[0]!];
      return stackNoise(settings, B, [{ key: 'all', shape: [V, 1] }], stream);
    },
    apply: (params, fixed, batch, noise) => {
      const ops = edgeOps(batch);
      const given = {
        x: encodeNodes(params, fixed, ops, vocabulary),
        e: encodeEdges(params, fixed, ops, vocabulary, settings),
      };
      const { x } = runStack(params, settings, ops, given, { logDegree: fixed['degree']!, noise, edges: false });
      return applyHead(params, pooled(ops, x, settings, vocabulary.outputs), head);
    },
  };
}
