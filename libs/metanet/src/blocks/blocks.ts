/** @file Parameters taken apart until each axis indexes one space. */
import { segmentsOf, spaceOf } from '@weightspace/architecture';
import type { LabelledNetwork, ParameterKind, ParameterSpec, SpaceKind } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

/** One axis of a block: a single leaf space. */
export interface Factor {
  readonly space: string;
  readonly size: number;
  /** Of the parameter. */
  readonly axis: number;
  readonly kind: SpaceKind;
  /** Whether the order is arbitrary. */
  readonly free: boolean;
  /**
   * Which factor of this block says in which member of its parent it lies; undefined where its space has one order.
   * Indices of it can be compared only where those of that factor are equal.
   */
  readonly within: number | undefined;
}

/** One combination of the segments of a parameter's axes: queries, keys and values in one matrix are three blocks. */
export interface Block {
  /** That of the parameter; `name[0,1]` where it has several blocks. */
  readonly name: string;
  readonly parameter: string;
  readonly kind: ParameterKind;
  /** Of each axis of the parameter: where the block begins and how long it is. */
  readonly ranges: readonly { readonly start: number; readonly size: number }[];
  /** Row-major within the block. */
  readonly factors: readonly Factor[];
}

interface Segment {
  readonly index: number;
  readonly count: number;
  readonly start: number;
  readonly size: number;
  readonly spaces: readonly string[];
}

/** The blocks of all parameters, in their order; those of one parameter row-major. */
export const blocksOf = (network: LabelledNetwork): readonly Block[] =>
  network.parameters.flatMap((parameter) => parameterBlocks(network, parameter));

function parameterBlocks(network: LabelledNetwork, parameter: ParameterSpec): Block[] {
  const axes = parameter.axes.map((label) => axisSegments(network, label));
  const combinations = axes.reduce<Segment[][]>(
    (all, segments) => all.flatMap((chosen) => segments.map((segment) => [...chosen, segment])),
    [[]],
  );
  return combinations.map((chosen) => {
    const numbers = chosen.flatMap(({ index, count }) => (count > 1 ? [index] : []));
    return {
      name: numbers.length === 0 ? parameter.name : `${parameter.name}[${numbers.join(',')}]`,
      parameter: parameter.name,
      kind: parameter.kind,
      ranges: chosen.map(({ start, size }) => ({ start, size })),
      factors: factorsOf(network, chosen),
    };
  });
}

function axisSegments(network: LabelledNetwork, label: string): Segment[] {
  const segments = segmentsOf(network, label);
  let start = 0;
  return segments.map((spaces, index) => {
    const size = spaces.reduce((n, name) => n * spaceOf(network, name).size, 1);
    start += size;
    return { index, count: segments.length, start: start - size, size, spaces };
  });
}

function factorsOf(network: LabelledNetwork, axes: readonly Segment[]): Factor[] {
  const plain = axes.flatMap(({ spaces }, axis) => spaces.map((name) => ({ axis, space: spaceOf(network, name) })));
  return plain.map(({ axis, space }, at) => ({
    space: space.name,
    size: space.size,
    axis,
    kind: space.kind,
    free: space.free,
    within: space.within === undefined ? undefined : parentOf(plain, at, space.within),
  }));
}

/** The nearest factor to the left on the same axis, else one of another axis. */
function parentOf(
  factors: readonly { readonly axis: number; readonly space: { readonly name: string } }[],
  at: number,
  parent: string,
): number {
  const fits = factors.map(({ space }, i) => (space.name === parent ? i : -1)).filter((i) => i >= 0);
  const beside = fits.filter((i) => i < at && factors[i]!.axis === factors[at]!.axis).at(-1);
  const found = beside ?? fits.find((i) => factors[i]!.axis !== factors[at]!.axis);
  if (found === undefined) throw new Error(`internal: no axis says in which '${parent}' factor ${at} lies`);
  return found;
}

const sizesOf = ({ factors }: Block): number[] => factors.map(({ size }) => size);

/**
 * Networks' parameters by block.
 *
 * @param weights by parameter; shape `[B, …shape]`
 * @returns by block; shape `[B, …sizes of factors]`
 */
export function splitBlocks(blocks: readonly Block[], weights: Tensors): Record<string, Tensor> {
  return Object.fromEntries(
    blocks.map((block) => {
      const w = weights[block.parameter]!;
      const whole = block.ranges.every(({ size }, axis) => size === w.shape[axis + 1]);
      const part = whole
        ? w
        : tf.slice(w, [0, ...block.ranges.map(({ start }) => start)], [-1, ...block.ranges.map(({ size }) => size)]);
      return [block.name, tf.reshape(part, [w.shape[0]!, ...sizesOf(block)])];
    }),
  );
}

/**
 * The inverse of `splitBlocks`.
 *
 * @param values by block; shape `[B, …sizes of factors]`
 * @returns by parameter; shape `[B, …shape]`
 */
export function joinBlocks(
  { parameters }: LabelledNetwork,
  blocks: readonly Block[],
  values: Tensors,
): Record<string, Tensor> {
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const own = blocks.filter(({ parameter }) => parameter === name);
      const parts = own.map((block): Part => {
        const value = values[block.name]!;
        return { block, value: tf.reshape(value, [value.shape[0]!, ...block.ranges.map(({ size }) => size)]) };
      });
      return [name, joinAlong(parts, shape.length - 1)];
    }),
  );
}

interface Part {
  readonly block: Block;
  readonly value: Tensor;
}

/** The last axis first: parts that differ in nothing else lie beside each other. */
function joinAlong(parts: readonly Part[], axis: number): Tensor {
  if (parts.length === 1) return parts[0]!.value;
  const keyOf = ({ block }: Part) => block.ranges.map(({ start }, i) => (i === axis ? '' : start)).join();
  const keys = [...new Set(parts.map(keyOf))];
  const joined = keys.map((key): Part => {
    const row = parts.filter((part) => keyOf(part) === key);
    const value =
      row.length === 1
        ? row[0]!.value
        : tf.concat(
            row.map((part) => part.value),
            axis + 1,
          );
    const ranges = row[0]!.block.ranges.map((range, i) =>
      i === axis ? { start: 0, size: value.shape[i + 1]! } : range,
    );
    return { block: { ...row[0]!.block, ranges }, value };
  });
  return joinAlong(joined, axis - 1);
}
