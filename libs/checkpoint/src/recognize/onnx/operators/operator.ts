/** @file The table of operators whose labels are known. */
import type { OnnxNode } from '../graph.ts';
import type { Labeller } from '../labeller.ts';

/** Labels what a node gives, after equating the labels of what it reads. */
export type Operator = (labeller: Labeller, node: OnnxNode) => void;

/** Operators by name; those of other domains are called `<domain>.<name>`. */
export type OperatorTable = { readonly [op: string]: Operator };

/** An axis counted from the end where it is negative. */
export const axisFrom = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Whole numbers of an attribute or, in later opsets, of a constant input. */
export function intsOf(
  labeller: Labeller,
  node: OnnxNode,
  attribute: string,
  input: number,
): readonly number[] | undefined {
  return node.attributes.ints(attribute) ?? labeller.numbers(node.inputs[input]);
}

/** Fixes everything that a node touches, and says why. */
export function freezeNode(labeller: Labeller, node: OnnxNode, reason: string): void {
  const inputs = node.inputs.filter((name) => name !== '').flatMap((name) => labeller.get(name));
  labeller.freezeReported(node, inputs, reason);
  for (const output of node.outputs) {
    labeller.put(
      output,
      (labeller.evaluation.shapes.get(output) ?? []).map((size) => labeller.fixed(size)),
    );
  }
}
