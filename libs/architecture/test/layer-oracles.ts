/** @file Every layer kind written out in loops, in double precision, for one point of one network. */

/** Reads one number of an array by its index. */
export type Read = (...index: number[]) => number;
type Sized = Read & { readonly shape: readonly number[] };
export type Params = { readonly [name: string]: Sized };
/** Gives the output at `(…positions, channel)`. */
export type Oracle = (params: Params, ...inputs: Sized[]) => Read;

/** A flat array as a function of its index. */
export function reader(data: ArrayLike<number>, shape: readonly number[]): Sized {
  const read = (...index: number[]): number => {
    if (index.length !== shape.length) throw new Error(`oracle: [${shape.join()}] was read at [${index.join()}]`);
    return data[index.reduce((at, i, axis) => at * shape[axis]! + i, 0)]!;
  };
  return Object.assign(read, { shape });
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sum = (n: number, f: (i: number) => number): number => range(n).reduce((total, i) => total + f(i), 0);
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

/** All indices of an array. */
function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>((all, n) => all.flatMap((index) => range(n).map((i) => [...index, i])), [[]]);
}

export interface Geometry {
  readonly strides?: readonly number[];
  readonly padding?: readonly number[];
  readonly dilations?: readonly number[];
  readonly groups?: number;
}

/** A convolution over any number of position axes. */
export const conv =
  ({ strides, padding, dilations, groups = 1 }: Geometry): Oracle =>
  ({ weight, bias }, x) => {
    const kernel = weight!.shape.slice(2);
    const [outputs, each] = weight!.shape as [number, number];
    const positions = x.shape.slice(0, -1);
    return (...index) => {
      const o = index.at(-1)!;
      const first = Math.floor(o / (outputs / groups)) * each;
      let total = bias?.(o) ?? 0;
      for (const tap of indicesOf(kernel)) {
        const at = tap.map((k, a) => index[a]! * (strides?.[a] ?? 1) + k * (dilations?.[a] ?? 1) - (padding?.[a] ?? 0));
        if (at.some((p, a) => p < 0 || p >= positions[a]!)) continue;
        total += sum(each, (i) => weight!(o, i, ...tap) * x(...at, first + i));
      }
      return total;
    };
  };

/** A pooling over windows; zeros of the padding count in the mean. */
export const pool =
  (mode: 'max' | 'mean', kernel: readonly number[], strides: readonly number[], padding: readonly number[]): Oracle =>
  (_, x) =>
  (...index) => {
    const seen: number[] = [];
    for (const tap of indicesOf(kernel)) {
      const at = tap.map((k, a) => index[a]! * strides[a]! + k - padding[a]!);
      if (at.every((p, a) => p >= 0 && p < x.shape[a]!)) seen.push(x(...at, index.at(-1)!));
    }
    const taps = kernel.reduce((n, k) => n * k, 1);
    return mode === 'max' ? Math.max(...seen) : seen.reduce((a, b) => a + b, 0) / taps;
  };

export const linear: Oracle =
  ({ weight, bias }, x) =>
  (...index) => {
    const [o, at] = [index.at(-1)!, index.slice(0, -1)];
    return sum(weight!.shape[1]!, (i) => weight!(o, i) * x(...at, i)) + (bias?.(o) ?? 0);
  };

/** (x − mean) / √(variance + ε) over the indices that `over` gives for a place. */
const standard = (x: Sized, epsilon: number, over: (index: number[]) => number[][]) => (index: number[]) => {
  const values = over(index).map((at) => x(...at));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return (x(...index) - mean) / Math.sqrt(variance + epsilon);
};

/** Layer, instance or group norm: which channels and positions share a mean. */
export const norm =
  (epsilon: number, positions: 'each' | 'all', channelsOf: (c: number, size: number) => number[]): Oracle =>
  ({ weight, bias }, x) => {
    const places = x.shape.slice(0, -1);
    const at = standard(x, epsilon, (index) => {
      const where = positions === 'all' ? indicesOf(places) : [index.slice(0, -1)];
      return where.flatMap((place) => channelsOf(index.at(-1)!, x.shape.at(-1)!).map((c) => [...place, c]));
    });
    return (...index) => at(index) * (weight?.(index.at(-1)!) ?? 1) + (bias?.(index.at(-1)!) ?? 0);
  };

export const allChannels = (_: number, size: number): number[] => range(size);
export const ownChannel = (c: number): number[] => [c];
export const groupOf =
  (groups: number) =>
  (c: number, size: number): number[] =>
    range(size / groups).map((i) => Math.floor(c / (size / groups)) * (size / groups) + i);

export const batchNorm =
  (epsilon: number): Oracle =>
  ({ weight, bias, running_mean: mean, running_var: variance }, x) =>
  (...index) => {
    const c = index.at(-1)!;
    return ((x(...index) - mean!(c)) / Math.sqrt(variance!(c) + epsilon)) * (weight?.(c) ?? 1) + (bias?.(c) ?? 0);
  };

export const rmsNorm =
  (epsilon: number): Oracle =>
  ({ weight }, x) =>
  (...index) => {
    const n = x.shape.at(-1)!;
    const square = sum(n, (c) => x(...index.slice(0, -1), c) ** 2) / n;
    return (x(...index) / Math.sqrt(square + epsilon)) * weight!(index.at(-1)!);
  };

export interface Heads {
  readonly heads: number;
  readonly keyHeads?: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly causal?: boolean;
  /** Turns channel c of token t of a head whose channels are given. */
  readonly turn?: (head: (c: number) => number, t: number, c: number) => number;
}

/** Attention, score by score. */
export const attention =
  ({
    heads,
    keyHeads = heads,
    keySize: D,
    valueSize: E,
    causal = false,
    turn = (head, _, c) => head(c),
  }: Heads): Oracle =>
  (p, x, y = x, z = y) => {
    const starts = { q: 0, k: heads * D, v: (heads + keyHeads) * D };
    const project = (name: 'q' | 'k' | 'v', from: Sized) => (t: number, row: number) => {
      const [weight, bias, at] = p['qkv.weight']
        ? [p['qkv.weight'], p['qkv.bias'], row + starts[name]]
        : [p[`${name}.weight`]!, p[`${name}.bias`], row];
      return sum(from.shape[1]!, (i) => weight(at, i) * from(t, i)) + (bias?.(at) ?? 0);
    };
    const [q, k, v] = [project('q', x), project('k', y), project('v', z)];
    const group = (head: number) => Math.floor(head / (heads / keyHeads));
    const read = (t: number, head: number, e: number): number => {
      const scores = range(y.shape[0]!).map((s) => {
        if (causal && s > t) return -Infinity;
        const query = (c: number) => turn((i) => q(t, head * D + i), t, c);
        const key = (c: number) => turn((i) => k(s, group(head) * D + i), s, c);
        return sum(D, (c) => query(c) * key(c)) / Math.sqrt(D);
      });
      const weights = scores.map((score) => Math.exp(score - Math.max(...scores)));
      const total = weights.reduce((a, b) => a + b, 0);
      return sum(weights.length, (s) => (weights[s]! / total) * v(s, group(head) * E + e));
    };
    return (t, o) =>
      sum(heads * E, (c) => p['o.weight']!(o!, c) * read(t!, Math.floor(c / E), c % E)) + (p['o.bias']?.(o!) ?? 0);
  };

/** Complex multiplication of pair i by e^(i t base^(−2i/D)). */
export const rotary =
  (D: number, base: number, pairs: boolean): NonNullable<Heads['turn']> =>
  (head, t, c) => {
    const i = pairs ? Math.floor(c / 2) : c % (D / 2);
    const [re, im] = pairs ? [head(2 * i), head(2 * i + 1)] : [head(i), head(i + D / 2)];
    const angle = t / base ** ((2 * i) / D);
    const first = pairs ? c % 2 === 0 : c < D / 2;
    return first ? re * Math.cos(angle) - im * Math.sin(angle) : re * Math.sin(angle) + im * Math.cos(angle);
  };

type Cell = (a: (gate: number) => number, b: (gate: number) => number, h: number, c: number) => [h: number, c: number];
const cells: { readonly [kind: string]: Cell } = {
  tanh: (a, b, _, c) => [Math.tanh(a(0) + b(0)), c],
  relu: (a, b, _, c) => [Math.max(0, a(0) + b(0)), c],
  lstm: (a, b, _, c) => {
    const [i, f, g, o] = range(4).map((gate) => a(gate) + b(gate)) as [number, number, number, number];
    const next = sigmoid(f) * c + sigmoid(i) * Math.tanh(g);
    return [sigmoid(o) * Math.tanh(next), next];
  },
  gru: (a, b, h, c) => {
    const [r, z] = [sigmoid(a(0) + b(0)), sigmoid(a(1) + b(1))];
    const n = Math.tanh(a(2) + r * b(2));
    return [(1 - z) * n + z * h, c];
  },
};

export const recurrent =
  (kind: string, { reverse = false, last = false } = {}): Oracle =>
  ({ weight_ih: w, weight_hh: u, bias_ih: b, bias_hh: d }, x) => {
    const n = u!.shape[1]!;
    const steps = reverse ? range(x.shape[0]!).toReversed() : range(x.shape[0]!);
    let [h, c] = [range(n).map(() => 0), range(n).map(() => 0)];
    const states: number[][] = [];
    for (const t of steps) {
      const next = range(n).map((j) => {
        const read = (g: number) => sum(x.shape[1]!, (i) => w!(g * n + j, i) * x(t, i)) + (b?.(g * n + j) ?? 0);
        const own = (g: number) => sum(n, (i) => u!(g * n + j, i) * h[i]!) + (d?.(g * n + j) ?? 0);
        return cells[kind]!(read, own, h[j]!, c[j]!);
      });
      [h, c] = [next.map(([value]) => value), next.map(([, value]) => value)];
      states[t] = h;
    }
    return last ? (j) => h[j!]! : (t, j) => states[t!]![j!]!;
  };

export const equivariantLinear: Oracle =
  ({ weight, mean_weight: mean, bias }, x) =>
  (t, o) =>
    sum(
      weight!.shape[1]!,
      (i) => weight!(o!, i) * x(t!, i) + mean!(o!, i) * (sum(x.shape[0]!, (s) => x(s, i)) / x.shape[0]!),
    ) + bias!(o!);
