/** @file The DWS layer by its definition: one sub-layer at a time, by loops over plain numbers. */
import type { NdArray, NdArrays } from '@weightspace/compute';
import { relationOf } from '@weightspace/metanet';
import type { DwsLayerSettings, DwsPlan, DwsTensor } from '@weightspace/metanet';

export const range = (n: number): number[] => [...Array(n).keys()];
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** All choices of hidden neurons of a parameter. */
export const placesOf = ({ sizes }: DwsTensor): number[][] =>
  sizes.reduce<number[][]>((list, size) => list.flatMap((head) => range(size).map((i) => [...head, i])), [[]]);

/** Features of one network: channels at a place. */
export function featuresAt(t: DwsTensor, x: NdArray, network: number, place: readonly number[]): number[] {
  const [width, inner] = [x.shape[1]!, t.sizes.reduce((n, size) => n * size, 1)];
  const at = place.reduce((i, j, axis) => i * t.sizes[axis]! + j, 0);
  return range(width).map((c) => x.data[(network * width + c) * inner + at]!);
}

interface Linear {
  readonly weight: number[][];
  readonly bias: number[];
}

/** Rows of a matrix that many targets share. */
function rowsOf(params: NdArrays, name: string, from: number, count: number): Linear {
  const weight = params[`${name}.weight`]!;
  const columns = weight.shape.at(-1)!;
  const bias = params[`${name}.bias`];
  return {
    weight: range(count).map((row) => range(columns).map((c) => weight.data[(from + row) * columns + c]!)),
    bias: range(count).map((row) => (bias ? bias.data[from + row]! : 0)),
  };
}

const apply = ({ weight, bias }: Linear, v: readonly number[]): number[] =>
  weight.map((row, d) => bias[d]! + sum(row.map((w, c) => w * v[c]!)));

/** Attention shares of numbers. */
function softmax(scores: readonly number[]): number[] {
  const top = Math.max(...scores);
  const e = scores.map((s) => Math.exp(s - top));
  return e.map((v) => v / sum(e));
}

type Vectors = readonly (readonly number[])[];

function pooled(pool: string, vectors: Vectors, query?: NdArray): number[] {
  const channels = range(vectors[0]!.length);
  const column = (c: number) => vectors.map((v) => v[c]!);
  if (pool === 'max') return channels.map((c) => Math.max(...column(c)));
  if (pool === 'sum') return channels.map((c) => sum(column(c)));
  if (pool === 'mean') return channels.map((c) => sum(column(c)) / vectors.length);
  const shares = softmax(vectors.map((v) => sum(v.map((u, c) => u * query!.data[c]!))));
  return channels.map((c) => sum(column(c).map((u, n) => u * shares[n]!)));
}

export interface Case {
  readonly params: NdArrays;
  readonly plan: DwsPlan;
  readonly settings: DwsLayerSettings;
  readonly outputs: number;
}

/** What parameter `from` tells `to`, as a function of the place in `to`. */
function subLayer(
  { params, plan, settings, outputs }: Case,
  from: DwsTensor,
  to: DwsTensor,
  x: NdArray,
  network: number,
): (place: readonly number[]) => number[] {
  const width = to.folded * outputs;
  const at = (place: readonly number[]) => featuresAt(from, x, network, place);
  const query = (form: string) => params[`layer.${from.name}.query.${form}`];
  const whole = () =>
    from.spaces.length === 0 ? at([]) : pooled(settings.pool, placesOf(from).map(at), query('whole'));
  const maps = (name: string, target: number, v: readonly number[], before = target * width): number[] =>
    range(settings.perceptron).reduce<number[]>(
      (u, i) => {
        if (i === 0) return apply(rowsOf(params, name, before, width), u);
        return apply(
          rowsOf(params, `${name}.${i}.${target}`, 0, width),
          u.map((a) => Math.max(a, 0)),
        );
      },
      [...v],
    );
  const relation = relationOf(from, to);
  if (relation === 'vector') {
    const { targets } = plan.vectors.find((group) => group.from === from)!;
    const before = sum(targets.slice(0, targets.indexOf(to)).map(({ folded }) => folded * outputs));
    const v = whole();
    const y = maps(`layer.${from.name}.vector`, targets.indexOf(to), v, before);
    return () => y;
  }
  /** POOL over all places that have this neuron of a space. */
  const bySpace = (space: string, n: number) => {
    const axis = from.spaces.indexOf(space);
    const own = placesOf(from).filter((place) => place[axis] === n);
    return own.length === 1 && from.spaces.length === 1
      ? at(own[0]!)
      : pooled(settings.pool, own.map(at), query(space));
  };
  if (relation === 'matrix') {
    const name = (part: string) => `layer.${from.name}.${to.name}.${part}`;
    return (place) => {
      const same = from.spaces.map((space) => place[to.spaces.indexOf(space)]!);
      const parts = [
        maps(name('entry'), 0, at(same)),
        maps(name('first'), 0, bySpace(to.spaces[0]!, place[0]!)),
        maps(name('second'), 0, bySpace(to.spaces[1]!, place[1]!)),
        maps(name('whole'), 0, whole()),
      ];
      return range(width).map((d) => sum(parts.map((part) => part[d]!)) / 4);
    };
  }
  const space = from.spaces.find((own) => to.spaces.includes(own))!;
  const group = plan.sets.find((g) => g.from === from && g.space === space && g.targets.includes(to))!;
  const target = group.targets.indexOf(to);
  const members = range(group.size).map((n) => bySpace(space, n));
  const name = `layer.${from.name}.${space}.${to.folded}`;
  const all =
    settings.setLayer === 'attention'
      ? setAttention(params, name, target, members, width, settings.heads)
      : members.map((v) => {
          const own = maps(`${name}.self`, target, v);
          const other = maps(`${name}.pooled`, target, whole());
          return own.map((a, d) => a - other[d]!);
        });
  return (place) => all[place[to.spaces.indexOf(space)]!]!;
}

function setAttention(
  params: NdArrays,
  name: string,
  target: number,
  members: Vectors,
  width: number,
  heads: number,
): number[][] {
  const bias = params[`${name}.bias`]!;
  const all = bias.shape[1]!;
  const biased = (part: number, { weight }: Linear): Linear => ({
    weight,
    bias: range(width).map((row) => bias.data[part * all + target * width + row]!),
  });
  const [q, k, v] = range(3).map((part) =>
    members.map((x) => apply(biased(part, rowsOf(params, `${name}.read`, part * all + target * width, width)), x)),
  );
  const size = width / heads;
  const out = biased(3, rowsOf(params, `${name}.out`, target * width, width));
  return q!.map((own) => {
    const hidden = range(heads).flatMap((head) => {
      const channels = range(size).map((c) => head * size + c);
      const scores = k!.map((key) => sum(channels.map((c) => own[c]! * key[c]!)) / Math.sqrt(width));
      const shares = softmax(scores);
      return channels.map((c) => own[c]! + sum(v!.map((value, n) => shares[n]! * value[c]!)));
    });
    return apply(out, hidden).map((fed, d) => hidden[d]! + Math.max(fed, 0));
  });
}

/** @returns channels of `to` at a place: the sum of all sub-layers, divided by the number of parameters */
export function slowDws(given: Case, x: NdArrays, to: DwsTensor, network: number): (place: number[]) => number[] {
  const { tensors } = given.plan;
  const parts = tensors.map((from) => subLayer(given, from, to, x[from.name]!, network));
  return (place) =>
    range(to.folded * given.outputs).map((d) => sum(parts.map((part) => part(place)[d]!)) / tensors.length);
}
