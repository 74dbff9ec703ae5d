/** @file The layer of DWSNets: a sub-layer from every parameter to every parameter. */
import { tf } from '@weightspace/compute';
import type { RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { SetPool } from '../../layers/sets/pool-set.ts';
import { applyMapApart, applyMaps, mapsParameters } from './maps.ts';
import type { Maps, Parameters } from './maps.ts';
import type { DwsPlan, DwsTensor, MatrixPair, VectorGroup } from './plan.ts';
import { pooledForms, pooledParameters } from './pooled.ts';
import type { PooledForms } from './pooled.ts';
import { applySets, setParameters } from './set-sub-layers.ts';
import type { SetSettings } from './set-sub-layers.ts';

export interface DwsLayerSettings extends SetSettings {
  readonly pool: SetPool;
}

type Channels = readonly [inputs: number, outputs: number];

/** A `matrix` sub-layer is the mean of four maps: of the entry, of its row, of its column, of all. */
const MATRIX_PARTS = ['entry', 'first', 'second', 'whole'] as const;
type MatrixPart = (typeof MATRIX_PARTS)[number];

const vectorMaps = (layer: string, { from, targets }: VectorGroup, [c, d]: Channels, layers: number): Maps => ({
  name: `${layer}.${from.name}.vector`,
  inputs: from.folded * c,
  widths: targets.map(({ folded }) => folded * d),
  layers,
  bias: true,
});

const matrixMaps = (
  layer: string,
  { from, to }: MatrixPair,
  part: MatrixPart,
  [c, d]: Channels,
  layers: number,
): Maps => ({
  name: `${layer}.${from.name}.${to.name}.${part}`,
  inputs: from.folded * c,
  widths: [to.folded * d],
  layers,
  bias: true,
});

/**
 * Parameters of `dwsLayer`, by source: `<layer>.<from>.vector.*` for all targets that share no space with it,
 * `<layer>.<from>.<space>.<folded>.*` for those that share one, `<layer>.<from>.<to>.{entry,first,second,whole}.*` for
 * those that share two.
 */
export function dwsLayerParameters(
  layer: string,
  plan: DwsPlan,
  channels: Channels,
  settings: DwsLayerSettings,
  stream: RandomStream,
): Parameters {
  const { initScale, perceptron, setLayer, pool } = settings;
  const own = stream.split(layer);
  return Object.assign(
    pooledParameters(layer, plan, channels[0], pool, setLayer === 'deep-sets'),
    ...plan.vectors.map((group) => mapsParameters(vectorMaps(layer, group, channels, perceptron), initScale, own)),
    ...plan.sets.map((group) => setParameters(layer, group, channels, settings, own)),
    ...plan.matrices.flatMap((pair) =>
      MATRIX_PARTS.map((part) => mapsParameters(matrixMaps(layer, pair, part, channels, perceptron), initScale, own)),
    ),
  ) as Parameters;
}

/** What is summed into one parameter, smallest terms apart, so that few additions are on the large tensor. */
interface Terms {
  /** `[B, folded · D]` or `[folded · D]` */
  readonly vectors: Tensor[];
  /** By space; `[B, folded · D, n]`, not yet divided by P. */
  readonly sets: Map<string, Tensor[]>;
  /** `[B, folded · D, n · m]` */
  readonly entries: Tensor[];
}

/**
 * One DWS layer.
 *
 *     Y_U = 1/P Σ_T L_TU(X_T)
 *     L_TU: T and U share the hidden spaces
 *       σ, τ:  ¼ (A X + A' POOL_τ X + A'' POOL_σ X + A''' POOL X), each broadcast over what it was pooled over
 *       σ:     a layer on sets over σ of POOL over T's other space, broadcast over U's other space
 *       none:  a perceptron on POOL over all hidden spaces, broadcast over U's
 *
 * Axes that index inputs, outputs or kernel positions are never pooled: they are folded into the channels. For a chain of
 * linear layers these are the sub-layers of the paper's table, for W → W, b → b, W → b and b → W.
 *
 * Letters: B batch, C channels in, D channels out, P parameters (2L).
 *
 * @param x features by parameter; shape `[B, folded · C, …sizes]`
 * @returns features by parameter; shape `[B, folded · D, …sizes]`
 * Symmetry: equivariant to permutations of hidden spaces.
 * Source: Navon et al. 2023, "Equivariant Architectures for Learning in Deep Weight Spaces", arXiv:2301.12780, section 5
 *   and tables 5 to 8. Departs: whatever the depth, also for two layers and for parameters of residual streams, by what
 *   they share; the map from the last but one weight to the last keeps outputs apart, which the public code forgets.
 */
export function dwsLayer(
  params: Tensors,
  layer: string,
  plan: DwsPlan,
  channels: Channels,
  settings: DwsLayerSettings,
  x: Tensors,
): Record<string, Tensor> {
  const forms = new Map(plan.tensors.map((t) => [t, pooledForms(params, layer, t, x[t.name]!, settings.pool)]));
  const terms = new Map(plan.tensors.map((t): [DwsTensor, Terms] => [t, emptyTerms(t)]));
  const share = 1 / plan.divisor;
  for (const group of plan.vectors) {
    const maps = vectorMaps(layer, group, channels, settings.perceptron);
    applyMaps(params, maps, forms.get(group.from)!.whole(), share).forEach((y, i) =>
      terms.get(group.targets[i]!)!.vectors.push(y),
    );
  }
  for (const group of plan.sets) {
    const { bySpace, whole } = forms.get(group.from)!;
    applySets(params, layer, group, channels, settings, bySpace(group.space), whole).forEach((y, i) =>
      terms.get(group.targets[i]!)!.sets.get(group.space)!.push(y),
    );
  }
  for (const pair of plan.matrices) {
    const maps = (part: MatrixPart) => matrixMaps(layer, pair, part, channels, settings.perceptron);
    addMatrix(params, maps, pair, x[pair.from.name]!, forms.get(pair.from)!, share, terms);
  }
  return Object.fromEntries(plan.tensors.map((t) => [t.name, sumOf(t, terms.get(t)!, share)]));
}

const emptyTerms = ({ spaces }: DwsTensor): Terms => ({
  vectors: [],
  sets: new Map(spaces.map((space) => [space, []])),
  entries: [],
});

function addMatrix(
  params: Tensors,
  maps: (part: MatrixPart) => Maps,
  { from, to }: MatrixPair,
  x: Tensor,
  { bySpace, whole }: PooledForms,
  share: number,
  terms: ReadonlyMap<DwsTensor, Terms>,
): void {
  const { vectors, sets, entries } = terms.get(to)!;
  const part = 1 / MATRIX_PARTS.length;
  const turned = from.spaces[0] === to.spaces[0] ? x : tf.transpose(x, [0, 1, 3, 2]);
  const flat = tf.reshape(turned, [x.shape[0]!, x.shape[1]!, to.sizes[0]! * to.sizes[1]!]);
  const [entry, bias] = applyMapApart(params, maps('entry'), flat, share * part);
  entries.push(entry);
  to.spaces.forEach((space, i) => {
    sets.get(space)!.push(...applyMaps(params, maps(i === 0 ? 'first' : 'second'), bySpace(space), part));
  });
  vectors.push(...applyMaps(params, maps('whole'), whole(), share * part), bias);
}

const total = (values: readonly Tensor[]): Tensor | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, y) => tf.add(sum, y));

function sumOf({ name, spaces, sizes }: DwsTensor, { vectors, sets, entries }: Terms, share: number): Tensor {
  const base = total(vectors);
  if (spaces.length === 0) return base!;
  const [first, second] = spaces.map((space) => {
    const all = total(sets.get(space)!);
    return all && tf.mul(all, share);
  }) as (Tensor | undefined)[];
  const rows = sumOptional(first, base && tf.expandDims(base, 2));
  if (spaces.length === 1) {
    if (!rows) throw new Error(`internal: nothing writes '${name}'`);
    return rows;
  }
  const entry = total(entries)!;
  const [batch, width] = entry.shape as [number, number];
  const square: Tensor = tf.reshape(entry, [batch, width, ...sizes]);
  const withRows = rows ? tf.add(square, tf.expandDims(rows, 3)) : square;
  return second ? tf.add(withRows, tf.expandDims(second, 2)) : withRows;
}

const sumOptional = (a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined =>
  a && b ? tf.add(a, b) : (a ?? b);
