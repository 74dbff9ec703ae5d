/** @file The linear layer of NFN: all linear maps between parameters that commute with permuting neurons. */
import { ndarray, tf, zeros } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { addBias, project } from './dense.ts';
import type { Layout, TensorLayout } from '../blocks/layout.ts';

/** Parts of the output that one product gives: which tensors, and how many channels of each. */
interface Target {
  readonly tensor: TensorLayout;
  readonly channels: number;
}

interface Plan {
  /** Tensors that have a permutable space, per space. */
  readonly bySpace: ReadonlyMap<string, readonly TensorLayout[]>;
  /** Tensors with the same two spaces, in any order; they mix entry by entry. */
  readonly pairs: readonly (readonly TensorLayout[])[];
}

const pairKey = ({ spaces }: TensorLayout): string => [...spaces].sort().join(' ');
const total = (tensors: readonly TensorLayout[], channels: number): number =>
  tensors.reduce((sum, t) => sum + t.folded * channels, 0);

function planOf({ tensors, spaces }: Layout): Plan {
  const bySpace = new Map([...spaces.keys()].map((space) => [space, tensors.filter((t) => t.spaces.includes(space))]));
  const two = tensors.filter((t) => t.spaces.length === 2);
  const keys = [...new Set(two.map(pairKey))];
  return { bySpace, pairs: keys.map((key) => two.filter((t) => pairKey(t) === key)) };
}

/** How many numbers of its input an entry of the tensor's output is a sum over, which sets its start. */
function fanIn(tensor: TensorLayout, layout: Layout, plan: Plan, channels: number): number {
  const pair =
    tensor.spaces.length === 2
      ? total(
          plan.pairs.find((group) => group.includes(tensor))!,
          channels,
        )
      : 0;
  const shared = tensor.spaces.reduce((sum, space) => sum + total(plan.bySpace.get(space)!, channels), 0);
  return pair + shared + total(layout.tensors, channels);
}

/** How the maps start: `uniform` U(±1/√Σ fan-in), biases too; `kaiming` N(0, 2/Σ fan-in), biases 0. */
export type LinearStart = 'uniform' | 'kaiming';

/**
 * Parameters of `equivariantLinear`: `<name>.global.weight`, `<name>.<space>.weight`, `<name>.<tensor>.weight`, and one
 * bias per output tensor in `<name>.bias`. All maps that are summed into one tensor start from one distribution, whose
 * width follows from the sum of their fan-ins.
 *
 * Source: `set_init_` of the code of Zhou et al. 2023, arXiv:2302.14040.
 */
export function equivariantLinearParameters(
  name: string,
  layout: Layout,
  inputs: number,
  outputs: number,
  stream: RandomStream,
  start: LinearStart = 'uniform',
): Record<string, NdArray<'float32'>> {
  const plan = planOf(layout);
  const own = stream.split(name);
  const width = start === 'uniform' ? 1 : Math.SQRT2;
  const bounds = new Map(layout.tensors.map((t) => [t, width / Math.sqrt(fanIn(t, layout, plan, inputs))]));
  const matrix = (label: string, rows: number, tensors: readonly TensorLayout[]) =>
    blockMatrix(
      rows,
      tensors.map((tensor) => ({ tensor, channels: tensor.folded * outputs })),
      bounds,
      own.split(label),
      start,
    );
  const bias = start === 'uniform' ? matrix('bias', 1, layout.tensors) : zeros([1, total(layout.tensors, outputs)]);
  return {
    [`${name}.global.weight`]: matrix('global', total(layout.tensors, inputs), layout.tensors),
    ...Object.fromEntries(
      [...plan.bySpace].map(([space, tensors]) => [
        `${name}.${space}.weight`,
        matrix(space, total(tensors, inputs), tensors),
      ]),
    ),
    ...Object.fromEntries(
      plan.pairs.map((group) => [
        `${name}.${group[0]!.name}.weight`,
        matrix(group[0]!.name, total(group, inputs), group),
      ]),
    ),
    [`${name}.bias`]: flatten(bias),
  };
}

const flatten = ({ data }: NdArray<'float32'>): NdArray<'float32'> => ndarray(data, [data.length]);

/** A matrix whose columns belong to several output tensors, each drawn within that tensor's bound (or with it as deviation). */
function blockMatrix(
  rows: number,
  targets: readonly Target[],
  bounds: ReadonlyMap<TensorLayout, number>,
  stream: RandomStream,
  start: LinearStart,
): NdArray<'float32'> {
  const columns = targets.reduce((sum, t) => sum + t.channels, 0);
  const { data } = start === 'uniform' ? stream.uniform([rows, columns], -1, 1) : stream.normal([rows, columns]);
  let from = 0;
  for (const { tensor, channels } of targets) {
    const bound = bounds.get(tensor)!;
    for (let row = 0; row < rows; row++) {
      for (let column = from; column < from + channels; column++) data[row * columns + column]! *= bound;
    }
    from += channels;
  }
  return ndarray(data, [rows, columns]);
}

/**
 * The most general linear layer on parameters that is equivariant to permuting the layout's spaces.
 *
 *     Y_T[j,k] = Σ_{T' with both} P X_T'[j,k] + Σ_{T' with the space of j} S mean(X_T')[j]
 *              + Σ_{T' with the space of k} S' mean(X_T')[k] + Σ_{T'} G mean(X_T') + bias_T
 *
 * For a chain of linear layers with all spaces permutable this is NP; with only the hidden ones, HNP, including the
 * map from the biases before the last layer to the columns of the last weight. Pooled means are computed once and all
 * maps from one of them are one product.
 *
 * Letters: B batch, C channels in, D channels out.
 *
 * @param params may be copies: see `project`
 * @param x features by parameter; shape `[B, …permutable axes, folded · C]`
 * @returns features by parameter; shape `[B, …permutable axes, folded · D]`
 * Symmetry: equivariant to permutations of every space of the layout.
 * Source: Zhou et al. 2023, "Permutation Equivariant Neural Functionals", arXiv:2302.14040, eq. 5 and appendix A;
 *   Zhou et al. 2024, "Universal Neural Functionals", arXiv:2402.05232, for architectures that aren't chains.
 * Departs: means in place of sums, as the public code; one bias per output tensor in place of one per map, since their
 *   sum is all that shows; HNP without pooled copies of features that it also has unpooled.
 */
export function equivariantLinear(params: Tensors, name: string, layout: Layout, x: Tensors): Record<string, Tensor> {
  const plan = planOf(layout);
  const means = new Map(layout.tensors.map((t) => [t, meansOf(t, x[t.name]!)]));
  const globals = tf.concat(
    layout.tensors.map((t) => means.get(t)!.global),
    1,
  );
  const ofAll = addBias(project(globals, params[`${name}.global.weight`]!), params[`${name}.bias`]!);
  const base = splitChannels(ofAll, layout.tensors);
  const bySpace = new Map(
    [...plan.bySpace].map(([space, tensors]) => {
      const tokens = tf.concat(
        tensors.map((t) => means.get(t)!.bySpace.get(space)!),
        2,
      );
      return [space, splitChannels(project(tokens, params[`${name}.${space}.weight`]!), tensors)];
    }),
  );
  const pointwise = new Map(
    plan.pairs.flatMap((group) => [...pointwiseOf(params[`${name}.${group[0]!.name}.weight`]!, group, x)]),
  );
  return Object.fromEntries(layout.tensors.map((t) => [t.name, sumOf(t, base.get(t)!, bySpace, pointwise.get(t))]));
}

interface Means {
  /** `[B, folded · C]` */
  readonly global: Tensor;
  /** `[B, n, folded · C]` */
  readonly bySpace: ReadonlyMap<string, Tensor>;
}

function meansOf({ spaces: [first, second] }: TensorLayout, x: Tensor): Means {
  if (first === undefined) return { global: x, bySpace: new Map() };
  if (second === undefined) return { global: tf.mean(x, 1), bySpace: new Map([[first, x]]) };
  const [ofFirst, ofSecond] = [tf.mean(x, 2), tf.mean(x, 1)] as [Tensor, Tensor];
  return {
    global: tf.mean(ofFirst, 1),
    bySpace: new Map([
      [first, ofFirst],
      [second, ofSecond],
    ]),
  };
}

/** Parts of the last axis, as many channels per tensor as it has folded. */
function splitChannels(y: Tensor, tensors: readonly TensorLayout[]): Map<TensorLayout, Tensor> {
  const unit = y.shape.at(-1)! / total(tensors, 1);
  if (tensors.length === 1) return new Map([[tensors[0]!, y]]);
  const parts = tf.split(
    y,
    tensors.map((t) => t.folded * unit),
    y.rank - 1,
  );
  return new Map(tensors.map((t, i) => [t, parts[i]!]));
}

/** Entry by entry: of the tensor itself, and of others that have the same two spaces. */
function pointwiseOf(weight: Tensor, group: readonly TensorLayout[], x: Tensors): Map<TensorLayout, Tensor> {
  const [first] = group;
  const aligned = (t: TensorLayout, value: Tensor) =>
    t.spaces[0] === first!.spaces[0] ? value : tf.transpose(value, [0, 2, 1, 3]);
  const all =
    group.length === 1
      ? x[first!.name]!
      : tf.concat(
          group.map((t) => aligned(t, x[t.name]!)),
          3,
        );
  const parts = splitChannels(project(all, weight), group);
  return new Map(group.map((t) => [t, aligned(t, parts.get(t)!)]));
}

/** The small terms are summed first, so that the large tensor sees two additions. */
function sumOf(
  t: TensorLayout,
  base_bd: Tensor,
  bySpace: ReadonlyMap<string, ReadonlyMap<TensorLayout, Tensor>>,
  pointwise: Tensor | undefined,
): Tensor {
  const [first, second] = t.spaces;
  if (first === undefined) return base_bd;
  const rows = tf.add(bySpace.get(first)!.get(t)!, tf.expandDims(base_bd, 1));
  if (second === undefined) return rows;
  const columns = bySpace.get(second)!.get(t)!;
  return tf.add(tf.add(pointwise!, tf.expandDims(columns, 1)), tf.expandDims(rows, 2));
}
