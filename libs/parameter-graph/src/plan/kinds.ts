/** @file What kind of edge a parameter makes, and from what kind of node the edges of a bias come. */
import type { EdgeKind, NodeKind } from '../parameter-graph.ts';
import type { ParameterBlock } from './parameter-blocks.ts';

/**
 * @param elementwise whether its layer handles each neuron on its own, as norms do
 * @param reads whether what is on its second axis is computed before: otherwise positions and tokens number a table
 */
export function edgeKind({ parameter, source }: ParameterBlock, elementwise: boolean, reads: boolean): EdgeKind {
  const { kind, name } = parameter;
  if (kind === 'statistic') return /var/.test(name) ? 'variance' : 'mean';
  if (kind === 'bias') return elementwise ? 'shift' : 'bias';
  if (kind === 'scale' || kind === 'shift') return kind;
  const table = source.factors.some(({ space }) => space.kind === 'token' || space.kind === 'position');
  return table && !reads ? 'embedding' : 'weight';
}

export const SOURCE_KINDS: { readonly [K in EdgeKind]: NodeKind } = {
  weight: 'constant',
  bias: 'bias',
  scale: 'scale',
  shift: 'shift',
  mean: 'mean',
  variance: 'variance',
  embedding: 'token',
  residual: 'constant',
  identity: 'constant',
  within: 'head',
  part: 'constant',
  order: 'constant',
  tied: 'constant',
};
