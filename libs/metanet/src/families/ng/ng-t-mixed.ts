/** @file NG-T on networks of several architectures: pairs padded to one size, and masked. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, ndarray, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { columnsOf } from '../../graph/columns.ts';
import { edgeOps } from '../../graph/edge-ops.ts';
import { edgeTemplate } from '../../graph/edge-template.ts';
import type { EdgeTemplate } from '../../graph/edge-template.ts';
import { bucketSize, packGraphs } from '../../graph/pack-graphs.ts';
import { applyHead, headParameters } from '../../layers/mlp-head.ts';
import { MetanetError } from '../../metanet.ts';
import type { MixedMetanet, Networks } from '../../metanet.ts';
import { encodeEdges, encodeNodes, encodeNoEdge, encoderFrequencies, encoderParameters } from './graph-encoder.ts';
import { measureGraphs, neuralGraph, vocabularyOf } from './graph-vocabulary.ts';
import type { GraphVocabulary } from './graph-vocabulary.ts';
import { createNgT, pooledWidth } from './ng-t-model.ts';
import { edgeMask, HIDDEN, NO_EDGE, pairPlanes } from './pairs.ts';
import { checkNgT, runStack, stackNoise, stackParameters } from './relational-stack.ts';
import type { NgTSettings } from './relational-stack.ts';

interface Template {
  readonly edges: EdgeTemplate;
  readonly planes: readonly Int32Array[];
}

export function mixNgT(architectures: readonly Architecture[], outputs: number, settings: NgTSettings): MixedMetanet {
  checkNgT(settings);
  if (settings.probes > 0)
    throw new MetanetError('ng-t', 'probes must be 0 for several architectures: each runs on inputs of its own');
  const graphs = architectures.map((architecture) => neuralGraph(architecture, settings.reversed));
  const vocabulary = vocabularyOf(graphs);
  const columns = columnsOf(graphs);
  const templates = new Map<Architecture, Template>();
  const templateOf = (architecture: Architecture): Template => {
    const known = templates.get(architecture);
    if (known) return known;
    const edges = edgeTemplate(neuralGraph(architecture, settings.reversed), columns);
    // The half of reversed edges comes last in the order of blocks; only pairs as they are have planes.
    const forward = edges.order.map((edge) => Number(edge < edges.edgeCount / (settings.reversed ? 2 : 1)));
    const made = { edges, planes: pairPlanesOf(edges, forward) };
    templates.set(architecture, made);
    return made;
  };
  const planes = Math.max(1, ...architectures.map((architecture) => templateOf(architecture).planes.length));
  const head = { head: settings.head, dropout: 0 };
  const initialize = (stream: RandomStream): NdArrays => ({
    ...encoderParameters(vocabulary, settings, settings, stream.split('encoder')),
    ...stackParameters(settings, false, stream),
    ...headParameters(pooledWidth(settings, vocabulary), outputs, head, stream),
  });
  return {
    kind: 'ng-t',
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: (networks, stream) => ({
      ...encoderFrequencies(vocabulary, settings, stream.split('frequencies')),
      ...measureGraphs(
        vocabulary,
        networks.map((own) => ({ graph: templateOf(own.architecture).edges.graph, networks: own })),
      ),
    }),
    on: (architecture) => createNgT(architecture, outputs, settings, vocabulary),
    pack: (networks) => packPairs(networks, templateOf, vocabulary, settings, planes),
    noise: (batch, stream) => {
      const [B, N] = batch['slots']!.shape as [number, number];
      return stackNoise(settings, [B, N], false, stream);
    },
    apply: (params, fixed, batch, noise) => {
      const given = encodePairs(params, fixed, batch, vocabulary, settings);
      const { x } = runStack(params, settings, { ...given, mask: batch['scores'], noise, edges: false });
      return applyHead(params, poolMixed(x, batch, settings, vocabulary.outputs), head);
    },
  };
}

/** Planes of numbers in the template's own order. */
function pairPlanesOf(edges: EdgeTemplate, forward: Int32Array): Int32Array[] {
  const own = [...forward.keys()].filter((edge) => forward[edge] === 1);
  const ends = (of: Int32Array) => Int32Array.from(own, (edge) => of[edge]!);
  const planes = pairPlanes(ends(edges.source), ends(edges.target), edges.nodeCount);
  return planes.map((plane) => plane.map((edge) => (edge === NO_EDGE ? NO_EDGE : own[edge]!)));
}

/**
 * Edge lists, and where they lie among pairs.
 *
 * @returns besides what `packGraphs` gives: `slots` `[B, N]` (rows of nodes), `pairs.<plane>` `[B, N, N]` (rows of edges, E for
 *   none), `scores` `[B, 1, N, N]` (added to attention's), `present` `[B, N, 1]`, `last` `[B, outputs]` (rows of `[B · N]`),
 *   `lastPresent` `[B, outputs, 1]`
 */
function packPairs(
  networks: readonly Networks[],
  templateOf: (architecture: Architecture) => Template,
  vocabulary: GraphVocabulary,
  settings: NgTSettings,
  planeCount: number,
): NdArrays {
  const own = networks.map(({ architecture, weights }) => ({ template: templateOf(architecture), weights }));
  const lists = packGraphs(
    'ng-t',
    own.map(({ template, weights }) => ({ template: template.edges, weights })),
    vocabulary.columns,
  );
  const [V, E] = [lists['nodeNetwork']!.shape[0]!, lists['edgeNetwork']!.shape[0]!];
  const [B, K] = [own.length, vocabulary.outputs];
  const N = bucketSize(Math.max(...own.map(({ template }) => template.edges.nodeCount)));
  const slots = new Int32Array(B * N).fill(V - 1);
  const planes = Array.from({ length: planeCount }, () => new Int32Array(B * N * N).fill(E));
  const scores = new Float32Array(B * N * N).fill(HIDDEN);
  const present = new Float32Array(B * N);
  const [last, lastPresent] = [new Int32Array(B * K), new Float32Array(B * K)];
  let [v, e] = [0, 0];
  own.forEach(({ template: { edges, planes: of } }, b) => {
    const n = edges.nodeCount;
    const restricted = settings.pairs === 'edges' ? edgeMask(of, n) : undefined;
    for (let i = 0; i < n; i++) {
      slots[b * N + i] = v + i;
      present[b * N + i] = 1;
      for (let j = 0; j < n; j++) {
        const at = (b * N + i) * N + j;
        scores[at] = restricted?.[i * n + j] ?? 0;
        of.forEach((plane, p) => {
          const edge = plane[i * n + j]!;
          if (edge !== NO_EDGE) planes[p]![at] = e + edge;
        });
      }
    }
    edges.outputs.forEach((node, k) => {
      last[b * K + k] = b * N + node;
      lastPresent[b * K + k] = 1;
    });
    v += n;
    e += edges.edgeCount;
  });
  return {
    ...lists,
    ...Object.fromEntries(planes.map((plane, p) => [`pairs.${p}`, ndarray(plane, [B, N, N])])),
    slots: ndarray(slots, [B, N]),
    scores: ndarray(scores, [B, 1, N, N]),
    present: ndarray(present, [B, N, 1]),
    last: ndarray(last, [B, K]),
    lastPresent: ndarray(lastPresent, [B, K, 1]),
  };
}

const only = (features: { readonly [part: string]: Tensor }): Tensor => Object.values(features)[0]!;

/** Nodes `[B, N, D]` and pairs `[B, C, N, N]`; what is padding has the features of no edge, or of the node that is padding. */
function encodePairs(
  params: Tensors,
  fixed: Tensors,
  batch: Tensors,
  vocabulary: GraphVocabulary,
  settings: NgTSettings,
): { readonly x: Tensor; readonly e: Tensor } {
  const ops = edgeOps(batch);
  const none = encodeNoEdge(params);
  const edges = tf.sub(only(encodeEdges(params, fixed, ops, vocabulary, settings)), none);
  const rows = tf.concat([edges, tf.zeros([1, none.shape[0]!])], 0) as Tensor;
  const planes = Object.keys(batch).filter((name) => name.startsWith('pairs.'));
  const sums = planes.map((name): Tensor => tf.gather(rows, batch[name] as never));
  const pairs = tf.add(
    sums.reduce((a, b) => tf.add(a, b)),
    none,
  ) as Tensor;
  const V = batch['nodeNetwork']!.shape[0]!;
  const nodes = only(encodeNodes(params, fixed, ops, vocabulary));
  const full = nodes.shape[0] === V ? nodes : tf.add(nodes, tf.zeros([V, 1]));
  return { x: tf.gather(full, batch['slots'] as never), e: tf.transpose(pairs, [0, 3, 1, 2]) };
}

/** As on one architecture; networks with fewer outputs have zeros. */
function poolMixed(x_bnd: Tensor, batch: Tensors, { pool }: NgTSettings, count: number): Tensor {
  const [B, N, D] = x_bnd.shape as [number, number, number];
  const present = batch['present']!;
  if (pool === 'max') return tf.max(tf.add(x_bnd, tf.mul(tf.sub(present, 1), -HIDDEN)), 1);
  if (pool === 'mean') return tf.div(tf.sum(tf.mul(x_bnd, present), 1), tf.sum(present, 1));
  const rows: Tensor = tf.gather(tf.reshape(x_bnd, [B * N, D]), batch['last'] as never);
  const own = tf.mul(rows, batch['lastPresent']!);
  if (pool === 'outputs') return tf.reshape(own, [B, count * D]);
  return tf.div(tf.sum(own, 1), tf.sum(batch['lastPresent']!, 1));
}
