/** @file Attention between parameters, entry by entry in plain numbers. */
import type { NdArray, NdArrays } from '@weightspace/compute';
import type { Layout, TensorLayout } from '@weightspace/metanet';

const range = (n: number) => [...Array(n).keys()];
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** A tensor of any rank, read and written by indices. */
export class Grid {
  readonly data: Float64Array;
  readonly shape: readonly number[];
  constructor(shape: readonly number[], data?: ArrayLike<number>) {
    this.shape = shape;
    this.data = data ? Float64Array.from(data) : new Float64Array(shape.reduce((a, b) => a * b, 1));
  }
  #at(indices: readonly number[]): number {
    return indices.reduce((at, i, axis) => at * this.shape[axis]! + i, 0);
  }
  get(...indices: readonly number[]): number {
    return this.data[this.#at(indices)]!;
  }
  add(value: number, ...indices: readonly number[]): void {
    this.data[this.#at(indices)]! += value;
  }
}

export const gridOf = ({ shape, data }: NdArray): Grid => new Grid(shape, data);

/** x · weight + bias of one vector. */
const affine = (x: readonly number[], weight: Grid, bias: Grid): number[] =>
  range(weight.shape[1]!).map((j) => bias.get(j) + sum(x.map((v, i) => v * weight.get(i, j))));

interface Entry {
  readonly tensor: string;
  readonly indices: readonly number[];
}
/** Queries, keys or values of one entry: `[part][head][channel]`. */
type Qkv = number[][][];

const softmax = (scores: readonly number[]): number[] => {
  const most = Math.max(...scores);
  const powers = scores.map((s) => Math.exp(s - most));
  return powers.map((p) => p / sum(powers));
};

/**
 * A token is a list of entries whose products are summed: `(entry, channel)`.
 * Every token's answer is added to its entries.
 */
function attend(tokens: readonly (readonly Qkv[])[], heads: number): number[][][][] {
  return tokens.map((query) =>
    query.map((_, slot) =>
      range(heads).map((h) => {
        const length = query.length * query[0]![0]![h]!.length;
        const scores = tokens.map(
          (key) => sum(query.map((q, s) => sum(q[0]![h]!.map((v, c) => v * key[s]![1]![h]![c]!)))) / Math.sqrt(length),
        );
        const weights = softmax(scores);
        return query[slot]![2]![h]!.map((_c, c) => sum(tokens.map((t, j) => weights[j]! * t[slot]![2]![h]![c]!)));
      }),
    ),
  );
}

/** Features of one network through the definition; shapes as in the layout, without the batch. */
export function slowAttention(
  layout: Layout,
  weights: readonly TensorLayout[],
  biases: readonly TensorLayout[],
  params: NdArrays,
  name: string,
  heads: number,
  x: Readonly<Record<string, Grid>>,
): Record<string, Grid> {
  const shared = params[`${name}.qkv.weight`] !== undefined;
  const label = (t: string) => (shared ? `${name}.qkv` : `${name}.${t}.qkv`);
  const vector = (t: string, indices: readonly number[]) =>
    range(x[t]!.shape.at(-1)!).map((c) => x[t]!.get(...indices, c));
  const project = (t: string, v: readonly number[]): Qkv => {
    const y = affine(v, gridOf(params[`${label(t)}.weight`]!), gridOf(params[`${label(t)}.bias`]!));
    const c = y.length / 3 / heads;
    return range(3).map((part) => range(heads).map((h) => y.slice((part * heads + h) * c, (part * heads + h + 1) * c)));
  };
  const channels = params[`${label(layout.tensors[0]!.name)}.bias`]!.shape[0]! / 3;
  const out = Object.fromEntries(
    layout.tensors.map((t) => [t.name, new Grid([...x[t.name]!.shape.slice(0, -1), channels])]),
  );
  const entriesOf = (t: TensorLayout): Entry[] =>
    x[t.name]!.shape.slice(0, -1)
      .reduce<number[][]>((all, size) => all.flatMap((head) => range(size).map((i) => [...head, i])), [[]])
      .map((indices) => ({ tensor: t.name, indices }));
  const write = ({ tensor, indices }: Entry, answer: readonly number[][]) =>
    answer.flat().forEach((v, c) => out[tensor]!.add(v, ...indices, c));
  // (a) means of all parameters
  const order = layout.tensors;
  const means = order.map((t) => {
    const all = entriesOf(t).map((e) => vector(t.name, e.indices));
    return [
      project(
        t.name,
        all[0]!.map((_, c) => sum(all.map((v) => v[c]!)) / all.length),
      ),
    ];
  });
  attend(means, heads).forEach((answer, i) => entriesOf(order[i]!).forEach((e) => write(e, answer[0]!)));
  // (b) around the neurons of every layer
  for (let i = 0; i <= weights.length; i++) {
    const tokens: Entry[][] = [];
    if (i > 0) {
      const [w, b] = [weights[i - 1]!, biases[i - 1]!];
      const [n, before] = x[w.name]!.shape as [number, number, number];
      range(before).forEach((k) => tokens.push(range(n).map((j) => ({ tensor: w.name, indices: [j, k] }))));
      tokens.push(range(n).map((j) => ({ tensor: b.name, indices: [j] })));
    }
    if (i < weights.length) {
      const w = weights[i]!;
      const [after, n] = x[w.name]!.shape as [number, number, number];
      range(after).forEach((k) => tokens.push(range(n).map((j) => ({ tensor: w.name, indices: [k, j] }))));
    }
    const projected = tokens.map((t) => t.map((e) => project(e.tensor, vector(e.tensor, e.indices))));
    attend(projected, heads).forEach((answer, t) => answer.forEach((a, slot) => write(tokens[t]![slot]!, a)));
  }
  if (shared) return out;
  return Object.fromEntries(
    layout.tensors.map((t) => {
      const back = params[`${name}.${t.name}.out.weight`];
      if (!back) return [t.name, out[t.name]!];
      const y = new Grid(x[t.name]!.shape);
      for (const { indices } of entriesOf(t)) {
        const v = range(channels).map((c) => out[t.name]!.get(...indices, c));
        affine(v, gridOf(back), gridOf(params[`${name}.${t.name}.out.bias`]!)).forEach((u, c) =>
          y.add(u, ...indices, c),
        );
      }
      return [t.name, y];
    }),
  );
}
