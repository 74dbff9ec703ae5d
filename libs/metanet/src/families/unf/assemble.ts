/** @file From what each hub gives to the tensors: small terms are summed before they are broadcast. */
import { sizeOf, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import type { Pattern, Plan, Reading } from './plan.ts';
import { equal, transposed } from './statistics.ts';

/** A term of a pattern, with size 1 on the axes of the parts that it doesn't tell apart. */
interface Term {
  readonly kept: readonly number[];
  readonly value: Tensor;
}

/**
 * @param values what each target of each hub got; shape `[B, …sizes of the hub's indices, folded · D]`
 * @returns by tensor; shape `[B, …sizes, folded · D]`
 */
export function assemble(plan: Plan, values: ReadonlyMap<Reading, Tensor>): Record<string, Tensor> {
  const terms = new Map<Pattern, Term[]>();
  for (const [{ pattern, kept, order }, value] of values) {
    const aligned = transposed(
      value,
      kept.map((part) => order.indexOf(part) + 1),
    );
    const sizes = pattern.parts.map(({ size }, part) => (kept.includes(part) ? size : 1));
    const term = { kept, value: tf.reshape(aligned, [value.shape[0]!, ...sizes, value.shape.at(-1)!]) };
    terms.set(pattern, [...(terms.get(pattern) ?? []), term]);
  }
  return Object.fromEntries(
    plan.tensors.map((tensor) => {
      const patterns = plan.patterns.get(tensor)!.toSorted((a, b) => a.parts.length - b.parts.length);
      const all = patterns.map((pattern) => embed(pattern, summed(terms.get(pattern)!)));
      return [tensor.name, all.reduce((sum, value) => tf.add(sum, value))];
    }),
  );
}

/** Each term goes into the smallest of those that tell more apart, from the smallest on. */
function summed(given: readonly Term[]): Tensor {
  const left = given.toSorted((a, b) => a.kept.length - b.kept.length || entries(a) - entries(b));
  for (;;) {
    const term = left.shift()!;
    if (left.length === 0) return term.value;
    const wider = left.filter(({ kept }) => term.kept.every((part) => kept.includes(part)));
    const into = wider.reduce((a, b) => (entries(b) < entries(a) ? b : a));
    left[left.indexOf(into)] = { kept: into.kept, value: tf.add(into.value, term.value) };
  }
}

const entries = ({ value }: Term): number => sizeOf(value.shape);

/** Onto the (generalized) diagonal of zeros. */
function embed({ partition, parts, tensor }: Pattern, value: Tensor): Tensor {
  if (parts.length === partition.length) return value;
  const sizes = tensor.indices.map(({ size }, at) => (partition.indexOf(partition[at]!) === at ? size : 1));
  const spread: Tensor = tf.reshape(value, [value.shape[0]!, ...sizes, value.shape.at(-1)!]);
  return partition.reduce((y, part, at) => {
    const first = partition.indexOf(part);
    return first === at ? y : tf.mul(y, equal(y.rank, tensor.indices[at]!.size, [first + 1, at + 1]));
  }, spread);
}
