/** @file What tells nodes and edges apart besides their values, as whole numbers for embeddings; 0 is "none". */
import type { EdgeKind, GraphStructure, NodeKind, PlaceAxis, StructureBlock } from '@weightspace/parameter-graph';

/**
 * `kind`; `layer`: column in the order of computation, from 1; `index`: place among the inputs, outputs, tokens or
 * positions, from 1, where the order is fixed; `activation`.
 */
export const NODE_ATTRIBUTES = ['kind', 'layer', 'index', 'activation'] as const;
export type NodeAttribute = (typeof NODE_ATTRIBUTES)[number];
/**
 * `kind`; `layer`: that of its target; `part`: queries, keys, values, …; `placeKind`: kernel, gate or position; `place0` to
 * `place2`: coordinates in it, from 1; `direction`: 1, or 2 for reversed edges.
 */
export const EDGE_ATTRIBUTES = [
  'kind',
  'layer',
  'part',
  'placeKind',
  'place0',
  'place1',
  'place2',
  'direction',
] as const;
export type EdgeAttribute = (typeof EDGE_ATTRIBUTES)[number];

const NODE_KINDS: readonly NodeKind[] = [
  'input',
  'neuron',
  'output',
  'token',
  'position',
  'head',
  'bias',
  'scale',
  'shift',
  'mean',
  'variance',
  'constant',
];
const EDGE_KINDS: readonly EdgeKind[] = [
  'weight',
  'bias',
  'scale',
  'shift',
  'mean',
  'variance',
  'embedding',
  'residual',
  'identity',
  'within',
  'part',
  'order',
  'tied',
];
/** Those that come with the architectures; others are 0, since ids must not depend on what else was registered before. */
const ACTIVATIONS = ['identity', 'relu', 'leaky-relu', 'tanh', 'sigmoid', 'gelu', 'silu', 'sine'];
const PLACE_KINDS = ['kernel', 'gate', 'position', 'token', 'index'];
/** Parts of an attention layer, of an equivariant linear one, and of a recurrent one. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/[._]q\./, 'q'],
  [/[._]k\./, 'k'],
  [/[._]v\./, 'v'],
  [/[._](o|out)\./, 'out'],
  [/mean_/, 'mean'],
  [/(^|[._])(hh|recurrent|hidden)([._]|$)/, 'recurrent'],
];
const MOST_SEGMENTS = 3;

/** How many ids there are of the attributes that don't depend on the network; with 0. */
export const KNOWN_IDS = {
  nodeKind: NODE_KINDS.length + 1,
  activation: ACTIVATIONS.length + 1,
  edgeKind: EDGE_KINDS.length + 1,
  part: PARTS.length + MOST_SEGMENTS + 1,
  placeKind: PLACE_KINDS.length + 2,
  direction: 3,
};

type NodeIds = { readonly [name in NodeAttribute]: Int32Array };
type EdgeIds = { readonly [name in EdgeAttribute]: Int32Array };

const one = (id: number): Int32Array => Int32Array.of(id);

/** By group. */
export function nodeAttributes({ groups }: GraphStructure): NodeIds[] {
  const before = new Map<NodeKind, number>();
  return groups.map(({ kind, depth, size, free, factors, activation }) => {
    const fixed = !free && factors.length > 0;
    const first = before.get(kind) ?? 0;
    if (fixed) before.set(kind, first + size);
    return {
      kind: one(NODE_KINDS.indexOf(kind) + 1),
      layer: one(depth + 1),
      index: fixed ? Int32Array.from({ length: size }, (_, i) => first + i + 1) : one(0),
      activation: one(ACTIVATIONS.indexOf(activation.kind) + 1),
    };
  });
}

export function edgeAttributes({ groups }: GraphStructure, block: StructureBlock, reversed: boolean): EdgeIds {
  const { kind, target, places, width } = block;
  const parallel = width === 1 ? places : [];
  const coordinates = placeColumns(parallel);
  return {
    kind: one(EDGE_KINDS.indexOf(kind) + 1),
    layer: one(groups[target]!.depth + 1),
    part: one(partOf(block)),
    placeKind: one(placeKind(parallel)),
    place0: coordinates[0]!,
    place1: coordinates[1]!,
    place2: coordinates[2]!,
    direction: one(reversed ? 2 : 1),
  };
}

/** Fused queries, keys and values have the parts of separate ones; other segments are numbered. */
function partOf({ parameter, segments, layer }: StructureBlock): number {
  if (parameter === undefined) return 0;
  const own = parameter.slice((layer ?? '').length);
  if (/qkv/.test(own)) return (segments[0] ?? 0) + 1;
  const named = PARTS.findIndex(([pattern]) => pattern.test(own));
  if (named >= 0) return named + 1;
  return segments.length === 0 ? 0 : PARTS.length + Math.min(segments.at(-1)! + 1, MOST_SEGMENTS);
}

const placeKind = (places: readonly PlaceAxis[]): number => {
  if (places.length === 0) return 0;
  const kinds = new Set(places.map(({ kind }) => kind));
  return kinds.size > 1 ? PLACE_KINDS.length + 1 : PLACE_KINDS.indexOf(places[0]!.kind) + 1;
};

/** Three coordinates of each place, from 1; more axes than three are numbered together by the third. */
function placeColumns(places: readonly PlaceAxis[]): readonly Int32Array[] {
  const sizes = places.map(({ size }) => size);
  const columns = [...sizes.slice(0, 2), ...(sizes.length > 2 ? [sizes.slice(2).reduce((a, b) => a * b, 1)] : [])];
  const count = sizes.reduce((a, b) => a * b, 1);
  return [0, 1, 2].map((axis) => {
    if (columns[axis] === undefined) return one(0);
    const stride = columns.slice(axis + 1).reduce((a, b) => a * b, 1);
    return Int32Array.from({ length: count }, (_, place) => (Math.floor(place / stride) % columns[axis]!) + 1);
  });
}

export const nodeKindIds = (kinds: readonly NodeKind[]): number[] => kinds.map((kind) => NODE_KINDS.indexOf(kind) + 1);

/** How many ids an attribute has in some graphs, with 0. */
export const attributeSize = (
  parts: readonly { readonly attributes: { readonly [name: string]: Int32Array } }[],
  attribute: string,
): number => parts.reduce((most, { attributes }) => Math.max(most, ...attributes[attribute]!), 0) + 1;

export const edgeKindId = (kind: EdgeKind): number => EDGE_KINDS.indexOf(kind) + 1;
