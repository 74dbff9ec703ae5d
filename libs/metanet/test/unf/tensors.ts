/** @file Collections of tensors with labels of every kind, and the maps between them by brute force. */
import type { LabelledNetwork } from '@weightspace/architecture';
import { RandomStream, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import type { Index, IndexedTensor } from '@weightspace/metanet';
import { act } from '@weightspace/symmetry';

export const stream = RandomStream.fromSeed(29);

export interface Collection {
  readonly name: string;
  /** Size, and the space that it is within. */
  readonly spaces: Readonly<Record<string, readonly [number, string?]>>;
  readonly tensors: readonly IndexedTensor[];
}

/** `{ q: 'head qk d' }`; a number at the end is how many entries are folded. */
function collection(name: string, spaces: Collection['spaces'], tensors: Readonly<Record<string, string>>): Collection {
  const indexed = Object.entries(tensors).map(([tensor, text]): IndexedTensor => {
    const words = text.split(' ').filter((word) => word !== '');
    const folded = Number(words.at(-1) ?? 'none');
    const labels = Number.isNaN(folded) ? words : words.slice(0, -1);
    const indices = labels.map((space, at): Index => {
      const [size, within] = spaces[space]!;
      // The nearest to the left, else any: as labels are read elsewhere.
      const left = labels.slice(0, at).lastIndexOf(within ?? '');
      const parent = within === undefined ? undefined : left >= 0 ? left : labels.indexOf(within);
      return { space, size, parent };
    });
    return { name: tensor, indices, folded: Number.isNaN(folded) ? 1 : folded };
  });
  return { name, spaces, tensors: indexed };
}

export const chain = collection(
  'a chain, as NFN takes it',
  { x: [2], h1: [3], h2: [4], y: [5] },
  { w1: 'h1 x', b1: 'h1', w2: 'h2 h1', b2: 'h2', w3: 'y h2', b3: 'y' },
);
export const hidden = collection(
  'a chain with folded inputs and outputs',
  { h1: [3], h2: [4] },
  { w1: 'h1 2', b1: 'h1', w2: 'h2 h1', b2: 'h2', w3: 'h2 3', b3: ' 3' },
);
export const recurrent = collection('a recurrent network', { n: [4] }, { ih: 'n 2', hh: 'n n', b: 'n' });
export const tied = collection('tied embeddings', { v: [5], d: [4] }, { embed: 'v d', w: 'd d', out: 'd v' });
export const triple = collection('three equal labels', { n: [4] }, { t: 'n n n', b: 'n' });
export const heads = collection(
  'attention heads',
  { d: [3], head: [2], qk: [3, 'head'], vo: [2, 'head'] },
  { q: 'head qk d', k: 'head qk d', bq: 'head qk', v: 'head vo d', o: 'd head vo', g: 'd' },
);
export const grouped = collection(
  'a grouped convolution',
  { x: [2], group: [3], i: [2, 'group'], o: [3, 'group'] },
  { stem: 'group i 2', weight: 'group o i 2', bias: 'group o' },
);
/** The parent stands behind its child, and is within something itself. */
export const nested = collection(
  'heads within groups',
  { kv: [2], query: [2, 'kv'], c: [3, 'query'], y: [2] },
  { a: 'c query kv', b: 'y kv', e: 'query kv' },
);
export const bilinear = collection(
  'heads on both sides',
  { head: [2], qk: [2, 'head'] },
  { m: 'head qk head qk', b: 'head qk' },
);
export const kernels = collection(
  'kernels that permute',
  { c1: [3], c2: [4], row: [2], column: [2] },
  { w: 'c2 c1 row column', b: 'c2' },
);

/** Several branches of one stream. */
export const deep = collection(
  'a residual network',
  { d: [4], h1: [3], h2: [5], h3: [2] },
  Object.fromEntries(
    [1, 2, 3].flatMap((i) => [
      [`in${i}`, `h${i} d`],
      [`out${i}`, `d h${i}`],
      [`b${i}`, 'd'],
    ]),
  ),
);

export const collections = [chain, hidden, recurrent, tied, triple, heads, grouped, nested, bilinear, kernels].map(
  (own) => [own.name, own] as const,
);

export const shapeOf = ({ indices }: IndexedTensor): number[] => indices.map(({ size }) => size);

export const featuresOf = ({ tensors }: Collection, channels: number, batch: number): NdArrays =>
  Object.fromEntries(
    tensors.map((t) => [t.name, stream.split(t.name).normal([batch, ...shapeOf(t), t.folded * channels])]),
  );

export const range = (n: number): number[] => [...Array(n).keys()];

/** All tuples of indices below these sizes, in the order of memory. */
export const tuples = (sizes: readonly number[]): number[][] =>
  sizes.reduce<number[][]>((all, size) => all.flatMap((head) => range(size).map((i) => [...head, i])), [[]]);

/** All partitions of n things into parts, by the number of each one's part. */
export const setPartitions = (n: number): number[][] =>
  range(n).reduce<number[][]>(
    (all) => all.flatMap((own) => range(Math.max(-1, ...own) + 2).map((part) => [...own, part])),
    [[]],
  );

/** Those whose parts hold one space each, and parents that are together. */
export function validPartitions(indices: readonly Index[]): number[][] {
  return setPartitions(indices.length).filter((parts) =>
    indices.every((a, i) =>
      indices.every((b, j) => {
        if (parts[i] !== parts[j]) return true;
        if (a.space !== b.space || (a.parent === undefined) !== (b.parent === undefined)) return false;
        return a.parent === undefined || parts[a.parent] === parts[b.parent!];
      }),
    ),
  );
}

export const joint = (o: IndexedTensor, s: IndexedTensor): Index[] => [
  ...o.indices,
  ...s.indices.map((index) => ({
    ...index,
    parent: index.parent === undefined ? undefined : index.parent + o.indices.length,
  })),
];

/** One output's entries, `[tuples of o]`, of one term: for each, the mean over all inputs whose indices fit. */
export function slowTerm(
  o: IndexedTensor,
  s: IndexedTensor,
  parts: readonly number[],
  read: (tuple: readonly number[]) => number,
): number[] {
  const fits = (tuple: readonly number[]) =>
    tuple.every((value, i) => tuple.every((other, j) => j >= i || parts[i] !== parts[j] || value === other));
  const inputs = tuples(shapeOf(s));
  return tuples(shapeOf(o)).map((out) => {
    if (!fits(out)) return 0;
    const own = inputs.filter((tuple) => fits([...out, ...tuple])).map(read);
    return own.reduce((a, b) => a + b, 0) / own.length;
  });
}

/** Indices by axis: one whose parent is just before it is on the same axis. */
export const axesOf = ({ indices }: IndexedTensor): Index[][] =>
  indices.reduce<Index[][]>((axes, index, at) => {
    const last = axes.at(-1);
    const from = at - (last?.length ?? 0);
    return last && index.parent !== undefined && index.parent >= from && index.parent < at
      ? [...axes.slice(0, -1), [...last, index]]
      : [...axes, [index]];
  }, []);

export const labelOf = (axis: readonly Index[]): string => axis.map(({ space }) => space).join('*');
export const lengthOf = (axis: readonly Index[]): number => axis.reduce((n, { size }) => n * size, 1);

/** The collection as parameters of a network, so that its group is that of the lib for symmetries; folded entries are a fixed axis. */
export function networkOf({ name, spaces, tensors }: Collection): LabelledNetwork {
  const own = { kind: 'neuron', activation: { kind: 'identity' } } as const;
  const symmetries = { sign: false, scale: false, phase: undefined };
  const free = Object.entries(spaces).map(([space, [size, within]]) => ({
    ...own,
    name: space,
    size,
    free: true,
    symmetries,
    ...(within !== undefined && { within }),
  }));
  const folds = tensors.map((t) => ({ ...own, name: `folded ${t.name}`, size: t.folded, free: false, symmetries }));
  const products = tensors.flatMap(axesOf).filter(({ length }) => length > 1);
  const composites = products.map((axis) => ({
    name: labelOf(axis),
    size: lengthOf(axis),
    segments: [axis.map(({ space }) => space)],
  }));
  return {
    name,
    spaces: [...free, ...folds],
    composites,
    parameters: tensors.map((t) => ({
      name: t.name,
      layer: t.name,
      kind: 'weight',
      shape: [...axesOf(t).map(lengthOf), t.folded],
      axes: [...axesOf(t).map(labelOf), `folded ${t.name}`],
      roles: [...axesOf(t), 0].map(() => 'index' as const),
      fan: { in: 1, out: 1 },
      start: undefined,
    })),
  };
}

/** Swaps of neighbours in each space, and in each instance of one that is within another: they generate the group. */
function generators({ spaces }: Collection) {
  const instances = (within: string | undefined): number =>
    within === undefined ? 1 : spaces[within]![0] * instances(spaces[within]![1]);
  return Object.entries(spaces).flatMap(([space, [size, within]]) =>
    range(instances(within)).flatMap((instance) =>
      range(size - 1).map((i) => {
        const permutation = Int32Array.from({ length: instances(within) * size }, (_, at) => at % size);
        [permutation[instance * size + i], permutation[instance * size + i + 1]] = [i + 1, i];
        return { [space]: { permutation } };
      }),
    ),
  );
}

/**
 * Orbits of the group on entries (the dimension of the equivariant constants) and on pairs of entries (that of the
 * equivariant linear maps), by uniting what a swap of two neighbours takes to each other.
 */
export function orbits(own: Collection): { readonly entries: number; readonly pairs: number } {
  const network = networkOf(own);
  const sizes = network.parameters.map(({ shape }) => sizeOf(shape));
  const count = sizes.reduce((a, b) => a + b, 0);
  const numbers: Record<string, NdArray> = {};
  let from = 0;
  network.parameters.forEach(({ name, shape }, i) => {
    const start = from;
    numbers[name] = { dtype: 'int32', shape, data: Int32Array.from({ length: sizes[i]! }, (_, at) => start + at) };
    from += sizes[i]!;
  });
  const moves = generators(own).map((g) => {
    const moved = act(network, g, numbers);
    return network.parameters.flatMap(({ name }) => Array.from(moved[name]!.data));
  });
  const pairs = moves.map((move) => (pair: number) => move[Math.floor(pair / count)]! * count + move[pair % count]!);
  return {
    entries: classes(
      count,
      moves.map((move) => (entry: number) => move[entry]!),
    ),
    pairs: classes(count * count, pairs),
  };
}

function classes(count: number, maps: readonly ((item: number) => number)[]): number {
  const parent = Int32Array.from({ length: count }, (_, i) => i);
  const find = (i: number): number => {
    let at = i;
    while (parent[at] !== at) at = parent[at] = parent[parent[at]!]!;
    return at;
  };
  let left = count;
  for (const map of maps) {
    for (let i = 0; i < count; i++) {
      const [a, b] = [find(i), find(map(i))];
      if (a === b) continue;
      parent[a] = b;
      left--;
    }
  }
  return left;
}

/** By elimination with pivots. */
export function rank(rows: readonly (readonly number[])[]): number {
  const m = rows.map((row) => {
    const scale = Math.hypot(...row) || 1;
    return row.map((v) => v / scale);
  });
  let found = 0;
  while (found < m.length) {
    let [best, row, column] = [1e-4, -1, -1];
    for (let i = found; i < m.length; i++) {
      m[i]!.forEach((v, j) => {
        if (Math.abs(v) > best) [best, row, column] = [Math.abs(v), i, j];
      });
    }
    if (row < 0) return found;
    [m[found], m[row]] = [m[row]!, m[found]!];
    const pivot = m[found]!;
    for (let i = found + 1; i < m.length; i++) {
      const factor = m[i]![column]! / pivot[column]!;
      if (factor !== 0) m[i] = m[i]!.map((v, j) => v - factor * pivot[j]!);
    }
    found++;
  }
  return found;
}
