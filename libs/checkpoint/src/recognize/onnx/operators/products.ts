/** @file Matrix products and Einstein sums. */
import type { AxisRole } from '@weightspace/architecture';

import type { OnnxNode } from '../graph.ts';
import type { AxisLabel, Labeller } from '../labeller.ts';
import { freezeNode } from './operator.ts';
import type { Operator, OperatorTable } from './operator.ts';

/**
 * Labels of `a · b`, both with a matrix on their last two axes and a batch before them.
 *
 * @returns labels of the product
 */
function product(labeller: Labeller, a: readonly AxisLabel[], b: readonly AxisLabel[]): AxisLabel[] {
  const batch = labeller.broadcast([a.slice(0, -2), b.slice(0, -2)]);
  labeller.batches.push(...batch);
  labeller.unify(a.at(-1), b.at(-2));
  labeller.remove(a, [a.length - 1]);
  labeller.remove(b, [b.length - 2]);
  return [...batch, a.at(-2), b.at(-1)];
}

/** Vectors count as matrices with one row (on the left) or one column (on the right), which goes away again. */
function matrixProduct(labeller: Labeller, node: OnnxNode, left: string, right: string): AxisLabel[] {
  const [a, b] = [labeller.get(left), labeller.get(right)];
  const result = product(labeller, a.length === 1 ? [undefined, ...a] : a, b.length === 1 ? [...b, undefined] : b);
  if (labeller.isView(right) && b.length > 2) withinBatch(labeller, result, b);
  const batch = (rank: number): AxisRole[] => Array<AxisRole>(Math.max(0, rank - 2)).fill('index');
  labeller.use(left, node, 'weight', a.length === 1 ? ['in'] : [...batch(a.length), 'out', 'in']);
  labeller.use(right, node, 'weight', b.length === 1 ? ['in'] : [...batch(b.length), 'in', 'out']);
  if (b.length === 1) result.pop();
  if (a.length === 1) result.splice(b.length === 1 ? -1 : -2, 1);
  return result;
}

/** Columns of a stack of matrices have an order for each of these. */
function withinBatch(labeller: Labeller, result: readonly AxisLabel[], weight: readonly AxisLabel[]): void {
  const { solver } = labeller;
  const [batch, columns] = [result.at(-3), weight.at(-1)];
  const leaves = batch && weight.at(-3) ? solver.resolve(batch) : [];
  if (columns === undefined || leaves.length !== 1 || leaves[0]!.length !== 1) return;
  solver.unify(columns, solver.space({ size: solver.sizeOf(columns), within: leaves[0]![0]! }));
}

const matMul: Operator = (labeller, node) =>
  labeller.put(node.outputs[0]!, matrixProduct(labeller, node, node.inputs[0]!, node.inputs[1]!));

/** Its zero points, if any, are single numbers or one for each row of `a` or column of `b`. */
const matMulInteger: Operator = (labeller, node) => {
  const [a, b, aZero, bZero] = node.inputs as [string, string, string?, string?];
  const result = matrixProduct(labeller, node, a, b);
  perColumn(labeller, node, bZero, result.at(-1));
  if (aZero) perColumn(labeller, node, aZero, result.at(-2));
  labeller.put(node.outputs[0]!, result);
};

const qLinearMatMul: Operator = (labeller, node) => {
  const [a, aScale, aZero, b, bScale, bZero, yScale, yZero] = node.inputs as readonly string[];
  const result = matrixProduct(labeller, node, a!, b!);
  for (const name of [bScale, bZero, yScale, yZero]) perColumn(labeller, node, name, result.at(-1));
  for (const name of [aScale, aZero]) perColumn(labeller, node, name, result.at(-2));
  labeller.put(node.outputs[0]!, result);
};

/** Scales and zero points with one number for each member of an axis. */
export function perColumn(labeller: Labeller, node: OnnxNode, name: string | undefined, axis: AxisLabel): void {
  if (name === undefined || name === '') return;
  const labels = labeller.get(name);
  if (labels.length > 1) labeller.freeze(labels);
  if (labels.length !== 1) return;
  labeller.unify(labels[0], axis);
  labeller.use(name, node, 'scale', ['index']);
}

const gemm: Operator = (labeller, node) => {
  const [a, b, c] = node.inputs as [string, string, string?];
  const flipped = (name: string) => node.attributes.int(name, 0) !== 0;
  const turn = <T>(list: readonly T[], turned: boolean): T[] => (turned ? [...list].reverse() : [...list]);
  const labels = product(labeller, turn(labeller.get(a), flipped('transA')), turn(labeller.get(b), flipped('transB')));
  labeller.use(a, node, 'weight', turn<AxisRole>(['out', 'in'], flipped('transA')));
  labeller.use(b, node, 'weight', turn<AxisRole>(['in', 'out'], flipped('transB')));
  const biased = c ? labeller.broadcast([labels, labeller.get(c)]) : labels;
  labeller.use(c, node, 'bias', c ? labeller.get(c).map(() => 'out' as const) : []);
  labeller.put(node.outputs[0]!, biased);
};

/** Equal letters are equal axes; letters that the result doesn't have are summed over. */
const einsum: Operator = (labeller, node) => {
  const equation = node.attributes.text('equation', '').replaceAll(' ', '');
  if (equation.includes('.') || !equation.includes('->')) {
    return freezeNode(labeller, node, `the equation '${equation}' is one that isn't understood`);
  }
  const [left, right] = equation.split('->') as [string, string];
  const terms = left.split(',');
  const byLetter = new Map<string, AxisLabel>();
  terms.forEach((letters, i) => {
    const labels = labeller.get(node.inputs[i]!);
    [...letters].forEach((letter, axis) => {
      labeller.unify(byLetter.get(letter), labels[axis]);
      byLetter.set(letter, byLetter.get(letter) ?? labels[axis]);
    });
    const summed = [...letters].flatMap((letter, axis) => (right.includes(letter) ? [] : [axis]));
    labeller.remove(labels, summed);
    labeller.use(
      node.inputs[i],
      node,
      'weight',
      [...letters].map((letter) =>
        !right.includes(letter) ? 'in' : terms.some((t, j) => j !== i && t.includes(letter)) ? 'index' : 'out',
      ),
    );
  });
  labeller.put(
    node.outputs[0]!,
    [...right].map((letter) => byLetter.get(letter)),
  );
};

export const products: OperatorTable = {
  MatMul: matMul,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
  Gemm: gemm,
  Einsum: einsum,
  'com.microsoft.FusedMatMul': (labeller, node) => {
    const turned = ['transA', 'transB', 'transBatchA', 'transBatchB'].some(
      (name) => node.attributes.int(name, 0) !== 0,
    );
    if (turned) freezeNode(labeller, node, 'transposed fused products are not understood');
    else matMul(labeller, node);
  },
};
