/** @file The linear layer of universal neural functionals, for tensors with any labels. */
import { ndarray, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { addBias, project } from '../../layers/dense.ts';
import { assemble } from './assemble.ts';
import { isWhole, widthOf } from './plan.ts';
import type { Hub, IndexedTensor, Plan, Reading } from './plan.ts';
import { Statistics } from './statistics.ts';

export interface UniversalLinearOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Channels through which a hub passes what many tensors share; without, each pair of tensors has maps of its own. */
  readonly shared?: number;
}

/** A hub's sources and targets that are whole tensors, by tensor. */
interface Own {
  readonly tensor: IndexedTensor;
  readonly sources: readonly Reading[];
  readonly target: Reading;
}

function ownOf({ sources, targets }: Hub): Own[] {
  return targets.filter(isWhole).map((target) => {
    const { tensor } = target.pattern;
    return { tensor, target, sources: sources.filter((s) => s.pattern.tensor === tensor && isWhole(s)) };
  });
}

/**
 * Parameters of `universalLinear`, named by the indices of each hub: `<name>.[h1 h2].weight`, one Θ for each pair of a
 * source and a target. With `shared`, a hub for which that is cheaper has `….in` and `….out`, and `….own.<tensor>` for each
 * tensor that it takes and gives entry by entry. `<name>.bias` holds one bias for each diagonal of each tensor.
 *
 * Θ is N(0, 1/n), n the channels of all terms that are summed into a tensor; biases are 0. Source: the public code of
 * arXiv:2402.05232. Departs: `in` and `out` are N(0, ·) with the same variance of their product.
 */
export function universalLinearParameters(
  name: string,
  plan: Plan,
  { inputs, outputs, shared }: UniversalLinearOptions,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const own = stream.split(name);
  const fans = fanInOf(plan, inputs);
  const matrix = (label: string, rows: number, targets: readonly Reading[], variance: number) =>
    scaledColumns(rows, targets, outputs, (t) => Math.sqrt(variance / fans.get(t)!), own.split(label));
  const ofHub = (hub: Hub): [string, NdArray<'float32'>][] => {
    const prefix = `${name}.[${hub.shape}]`;
    const [rows, columns] = [widthOf(hub.sources, inputs), widthOf(hub.targets, outputs)];
    if (shared === undefined || rows * columns <= (rows + columns) * shared) {
      return [[`${prefix}.weight`, matrix(hub.shape, rows, hub.targets, 1)]];
    }
    const into = own.split(`${hub.shape} in`).normal([rows, shared], 0, 1 / Math.sqrt(rows));
    return [
      [`${prefix}.in`, into],
      [`${prefix}.out`, matrix(`${hub.shape} out`, shared, hub.targets, rows / shared)],
      ...ownOf(hub).map(({ tensor, sources, target }): [string, NdArray<'float32'>] => [
        `${prefix}.own.${tensor.name}`,
        matrix(`${hub.shape} own ${tensor.name}`, widthOf(sources, inputs), [target], 1),
      ]),
    ];
  };
  const constants = plan.hubs.find(({ indices }) => indices.length === 0)!;
  const bias = new Float32Array(widthOf(constants.targets, outputs));
  return { ...Object.fromEntries(plan.hubs.flatMap(ofHub)), [`${name}.bias`]: ndarray(bias, [bias.length]) };
}

/** Channels of all terms that are summed into a tensor. */
function fanInOf({ hubs }: Plan, inputs: number): Map<IndexedTensor, number> {
  const fans = new Map<IndexedTensor, number>();
  for (const { sources, targets } of hubs) {
    for (const { pattern } of targets) {
      fans.set(pattern.tensor, (fans.get(pattern.tensor) ?? 0) + widthOf(sources, inputs));
    }
  }
  return fans;
}

function scaledColumns(
  rows: number,
  targets: readonly Reading[],
  outputs: number,
  deviationOf: (tensor: IndexedTensor) => number,
  stream: RandomStream,
): NdArray<'float32'> {
  const deviations = targets.flatMap(({ pattern: { tensor } }) =>
    Array<number>(tensor.folded * outputs).fill(deviationOf(tensor)),
  );
  const { data, shape } = stream.normal([rows, deviations.length]);
  return ndarray(
    data.map((x, i) => x * deviations[i % deviations.length]!),
    shape,
  );
}

/**
 * The most general linear map of a collection of tensors that is equivariant to permuting what their indices count.
 *
 *     Y_o = Σ_{s, terms} spread(mean(diagonal(X_s))) Θ_{o,s,term} + Σ_{diagonals of o} bias
 *
 * A term is a partition of the indices of o and s together (`partitionsOf`). Means and diagonals of each input are computed
 * once; all terms of one hub, of which the same indices are kept, are one product; what goes to one tensor is summed from
 * the smallest to the largest, so that each tensor sees as many additions as it has indices.
 *
 * Letters: B batch, C channels in, D channels out.
 *
 * @param params may be copies: see `project`
 * @param x features by tensor; shape `[B, …sizes, folded · C]`
 * @returns features by tensor; shape `[B, …sizes, folded · D]`
 * Symmetry: equivariant to every permutation of every space; within other spaces, to one for each member of those.
 * Source: Zhou et al. 2024, "Universal Neural Functionals", arXiv:2402.05232, Algorithm 1 and theorem 3.1.
 * Departs: spaces within others (wreath products); a bias for each diagonal of an output, not only for all of it; several
 *   equal labels in one tensor, on which the public code fails; with `shared`, a hub of many tensors passes what it shares
 *   through that many channels, u = Σ_s mean(X_s) A_s and Y_o = u B_o, so that its cost is linear in the number of
 *   tensors, where each tensor keeps an exact map of its own entries.
 */
export function universalLinear(params: Tensors, name: string, plan: Plan, x: Tensors): Record<string, Tensor> {
  const statistics = new Map(plan.tensors.map((tensor) => [tensor, new Statistics(x[tensor.name]!)]));
  const read = (sources: readonly Reading[]): Tensor => {
    const all = sources.map((source) => statistics.get(source.pattern.tensor)!.read(source));
    return all.length === 1 ? all[0]! : tf.concat(all, -1);
  };
  const values = new Map<Reading, Tensor>();
  for (const hub of plan.hubs) {
    const prefix = `${name}.[${hub.shape}]`;
    const full = params[`${prefix}.weight`];
    const all = read(hub.sources);
    const y = full ? project(all, full) : project(project(all, params[`${prefix}.in`]!), params[`${prefix}.out`]!);
    const withBias = hub.indices.length === 0 ? addBias(y, params[`${name}.bias`]!) : y;
    splitChannels(withBias, hub.targets).forEach((value, i) => values.set(hub.targets[i]!, value));
    if (full) continue;
    for (const { tensor, sources, target } of ownOf(hub)) {
      const own = project(read(sources), params[`${prefix}.own.${tensor.name}`]!);
      values.set(target, tf.add(values.get(target)!, own));
    }
  }
  return assemble(plan, values);
}

/** Parts of the last axis, as many channels for each target as its tensor has folded. */
function splitChannels(y: Tensor, targets: readonly Reading[]): Tensor[] {
  if (targets.length === 1) return [y];
  const unit = y.shape.at(-1)! / widthOf(targets, 1);
  return tf.split(
    y,
    targets.map(({ pattern }) => pattern.tensor.folded * unit),
    y.rank - 1,
  );
}
