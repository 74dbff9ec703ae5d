/** @file NG-T on networks of one architecture. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { blockOps } from '../../graph/block-ops.ts';
import type { MetaGraph } from '../../graph/meta-graph.ts';
import { applyHead, headParameters } from '../../layers/mlp-head.ts';
import type { Editor, Metanet } from '../../metanet.ts';
import { editGraph, editParameters } from './edit-graph.ts';
import {
  encodeEdges,
  encodeNodes,
  encodeNoEdge,
  encoderFrequencies,
  encoderParameters,
  probeNodeParameters,
  probeNodes,
} from './graph-encoder.ts';
import { measureGraphs, neuralGraph, vocabularyOf } from './graph-vocabulary.ts';
import type { GraphVocabulary } from './graph-vocabulary.ts';
import { densePairs, edgeMask, edgesOfPairs, graphPlanes } from './pairs.ts';
import type { NodeRange } from './relational-attention.ts';
import { byPieces, checkNgT, runStack, stackNoise, stackParameters } from './relational-stack.ts';
import type { NgTSettings } from './relational-stack.ts';

interface Body {
  readonly graph: MetaGraph;
  /** Of what isn't to be seen; shape `[1, 1, N, N]` */
  readonly mask: () => Tensor | undefined;
  readonly parameters: (stream: RandomStream) => NdArrays;
  readonly measure: Metanet['measure'];
  /** Nodes `[B, N, D]` and pairs `[B, C, N, N]` before the layers. */
  readonly encode: (params: Tensors, fixed: Tensors, weights: Tensors) => { readonly x: Tensor; readonly e: Tensor };
}

function bodyOf(architecture: Architecture, vocabulary: GraphVocabulary, settings: NgTSettings): Body {
  checkNgT(settings);
  const graph = neuralGraph(architecture, settings.reversed);
  const parameters = (stream: RandomStream): NdArrays => ({
    ...encoderParameters(vocabulary, settings, settings, stream.split('encoder')),
    ...(settings.probes > 0
      ? probeNodeParameters('ng-t', graph, settings.probes, settings.nodes, stream.split('probe'))
      : {}),
  });
  const encode = (params: Tensors, fixed: Tensors, weights: Tensors) => {
    const ops = blockOps(graph, vocabulary.columns, weights);
    const probed = settings.probes > 0 ? probeNodes(params, graph, weights) : undefined;
    const nodes = encodeNodes(params, fixed, ops, vocabulary, probed);
    const edges = encodeEdges(params, fixed, ops, vocabulary, settings);
    const rows = graph.groups.map(({ key, size }): Tensor => {
      const full = [ops.networks, size, settings.nodes];
      return nodes[key]!.shape.join() === full.join() ? nodes[key]! : tf.add(nodes[key]!, tf.zeros(full));
    });
    return { x: tf.concat(rows, 1), e: densePairs(graph, edges, encodeNoEdge(params), ops.networks) };
  };
  return {
    graph,
    mask: () => (settings.pairs === 'edges' ? maskOf(graph) : undefined),
    parameters,
    measure: (weights, stream) => ({
      ...encoderFrequencies(vocabulary, settings, stream.split('frequencies')),
      ...measureGraphs(vocabulary, [{ graph, networks: { architecture, weights } }]),
    }),
    encode,
  };
}

function maskOf(graph: MetaGraph): Tensor {
  const N = graph.nodeCount;
  return tf.tensor4d(edgeMask(graphPlanes(graph), N), [1, 1, N, N]);
}

/** Numbers of the widest features of one network's pairs. */
const numbersOf = ({ nodeCount }: MetaGraph, { attention }: NgTSettings): number => attention * nodeCount ** 2;

/** Consecutive output neurons. */
function outputRange({ groups }: MetaGraph): NodeRange | undefined {
  const own = groups.filter(({ group }) => group.kind === 'output').map(({ group }) => group);
  const start = own[0]?.start ?? 0;
  const size = own.reduce((sum, group) => sum + group.size, 0);
  return own.every((group, i) => i === 0 || group.start === own[i - 1]!.start + own[i - 1]!.size)
    ? { start, size }
    : undefined;
}

/** @param vocabulary of all architectures that share the parameters; of this one unless said otherwise */
export function createNgT(
  architecture: Architecture,
  outputs: number,
  settings: NgTSettings,
  vocabulary = vocabularyOf([neuralGraph(architecture, settings.reversed)]),
): Metanet {
  const body = bodyOf(architecture, vocabulary, settings);
  const { graph } = body;
  const head = { head: settings.head, dropout: 0 };
  const [whole, range] = [settings.pool === 'mean' || settings.pool === 'max', outputRange(graph)];
  const wanted = whole ? undefined : range;
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.parameters(stream),
    ...stackParameters(settings, false, stream),
    ...headParameters(pooledWidth(settings, vocabulary), outputs, head, stream),
  });
  const logits = (params: Tensors, fixed: Tensors, weights: Tensors, noise: Tensors | undefined): Tensor => {
    const { x } = runStack(params, settings, {
      ...body.encode(params, fixed, weights),
      mask: body.mask(),
      noise,
      wanted,
      edges: false,
    });
    const seen = whole || wanted ? x : outputRows(graph, x);
    return applyHead(params, poolRows(seen, settings, vocabulary.outputs), head);
  };
  return {
    kind: 'ng-t',
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: (batch, stream) => stackNoise(settings, [batch, graph.nodeCount], false, stream),
    apply: (params, fixed, weights, noise) =>
      byPieces(numbersOf(graph, settings), [weights, noise ?? {}], (own, masks) => ({
        logits: logits(params, fixed, own!, noise && masks),
      }))['logits']!,
  };
}

/** How many numbers the head reads. */
export const pooledWidth = ({ pool, nodes }: NgTSettings, { outputs }: GraphVocabulary): number =>
  pool === 'outputs' ? outputs * nodes : nodes;

/** @param x_brd rows of what is pooled @param count how many outputs there are at most @returns shape `[B, pooledWidth]` */
function poolRows(x_brd: Tensor, { pool }: NgTSettings, count: number): Tensor {
  const [B, R, D] = x_brd.shape as [number, number, number];
  if (pool === 'max') return tf.max(x_brd, 1);
  if (pool !== 'outputs') return tf.mean(x_brd, 1);
  const full = R < count ? tf.concat([x_brd, tf.zeros([B, count - R, D])], 1) : x_brd;
  return tf.reshape(full, [B, count * D]);
}

function outputRows({ groups }: MetaGraph, x_bnd: Tensor): Tensor {
  const [B, , D] = x_bnd.shape as [number, number, number];
  const own = groups.filter(({ group }) => group.kind === 'output');
  return tf.concat(
    own.map(({ group }) => tf.slice(x_bnd, [0, group.start, 0], [B, group.size, D])),
    1,
  );
}

export function editNgT(architecture: Architecture, settings: NgTSettings): Editor {
  const vocabulary = vocabularyOf([neuralGraph(architecture, settings.reversed)]);
  const body = bodyOf(architecture, vocabulary, settings);
  const { graph } = body;
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.parameters(stream),
    ...stackParameters(settings, true, stream),
    ...editParameters(vocabulary, settings, stream),
  });
  const changes = (params: Tensors, fixed: Tensors, weights: Tensors, noise: Tensors | undefined) => {
    const given = body.encode(params, fixed, weights);
    const { x, e } = runStack(params, settings, { ...given, mask: body.mask(), noise, edges: true });
    const [B, , D] = x.shape as [number, number, number];
    const nodes = graph.groups.map(
      ({ key, group }) => [key, tf.slice(x, [0, group.start, 0], [B, group.size, D])] as const,
    );
    const ops = blockOps(graph, vocabulary.columns, weights);
    return editGraph(params, graph, vocabulary, ops, Object.fromEntries(nodes) as never, edgesOfPairs(graph, e));
  };
  return {
    kind: 'ng-t',
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: (batch, stream) => stackNoise(settings, [batch, graph.nodeCount], true, stream),
    apply: (params, fixed, weights, noise) =>
      byPieces(numbersOf(graph, settings), [weights, noise ?? {}], (own, masks) =>
        changes(params, fixed, own!, noise && masks),
      ),
  };
}
