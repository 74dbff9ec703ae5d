/** @file Walks through a model's operators in order, and settles what holds only once all is known. */
import type { Label, LabelSolver, LeafId } from '@weightspace/architecture';

import { tensorsOf } from './branches.ts';
import type { Evaluation } from './evaluate.ts';
import type { OnnxNode } from './graph.ts';
import { Labeller } from './labeller.ts';
import type { AxisLabel, Source } from './labeller.ts';
import { operatorName, operatorOf } from './operators/index.ts';
import { freezeNode } from './operators/operator.ts';
import { quantizedInputs } from './operators/quantization.ts';
import { simplify } from './simplify.ts';

/**
 * Labels everything that a model computes.
 *
 * @param sources tensors in the file that may be parameters, by name
 */
export function labelModel(evaluation: Evaluation, sources: ReadonlyMap<string, Source>): Labeller {
  const { inputs, merges, graph } = evaluation;
  const nodes = simplify(evaluation);
  const labeller = new Labeller(evaluation, sources, quantizedNames(nodes));
  const pure = new PureConstants(evaluation, labeller);
  for (const { name } of inputs)
    labeller.put(
      name,
      labeller.shape(name).map((size, axis) => labeller.fixed(size, 'position', `${name}:${axis}`)),
    );
  for (const node of nodes) {
    if (pure.has(node)) for (const output of node.outputs) putByValue(labeller, output);
    else apply(labeller, node);
    for (const { output, branches } of merges) if (node.outputs.includes(output)) merge(labeller, node, branches);
  }
  for (const { name } of graph.output) if (evaluation.shapes.has(name)) labeller.freeze(labeller.get(name));
  settle(labeller);
  return labeller;
}

/** What either branch of an `If` may give has one order. */
function merge(labeller: Labeller, node: OnnxNode, branches: readonly [string, string]): void {
  const [a, b] = branches.map((name) => labeller.get(name)) as [readonly AxisLabel[], readonly AxisLabel[]];
  const [p, q] = branches.map((name) => labeller.shape(name).join());
  if (p === q) labeller.unifyAxes(a, b);
  else labeller.freezeReported(node, [...a, ...b], 'its branches give arrays of different shapes');
}

/** Whole numbers that some operator takes as weights. */
function quantizedNames(nodes: readonly OnnxNode[]): Set<string> {
  return new Set(
    nodes.flatMap(({ op, domain, inputs }) =>
      (quantizedInputs[operatorName(op, domain)] ?? []).flatMap((i) => (inputs[i] ? [inputs[i]] : [])),
    ),
  );
}

/** Nodes whose results are constant, and no parameter goes into them but by its shape. */
class PureConstants {
  readonly #evaluation: Evaluation;
  readonly #labeller: Labeller;
  readonly #known = new Set<string>();

  constructor(evaluation: Evaluation, labeller: Labeller) {
    this.#evaluation = evaluation;
    this.#labeller = labeller;
  }

  has({ op, inputs, outputs }: OnnxNode): boolean {
    const made = outputs.filter((name) => name !== '');
    if (!made.every((name) => this.#evaluation.isConstant(name) && this.#evaluation.shapes.has(name))) return false;
    const ofShape = op === 'Shape' || op === 'Size';
    const isPure =
      ofShape ||
      (op === 'Constant' ? !made.some((name) => this.#labeller.isParameter(name)) : inputs.every(this.#isPure));
    if (isPure) made.forEach((name) => this.#known.add(name));
    return isPure;
  }

  readonly #isPure = (name: string): boolean =>
    name === '' || this.#known.has(name) || (this.#labeller.isSource(name) && !this.#labeller.isParameter(name));
}

function putByValue(labeller: Labeller, name: string): void {
  if (name !== '') labeller.put(name, labeller.byValue(name));
}

function apply(labeller: Labeller, node: OnnxNode): void {
  if (node.op === 'Constant') return;
  const unknown = node.inputs.find((name) => name !== '' && !labeller.isKnown(name));
  const operator = operatorOf(node.op, node.domain);
  if (unknown !== undefined) {
    freezeKnown(labeller, node, `its input '${unknown}' isn't an array`);
  } else if (node.attributes.graphs().length > 0) {
    freezeKnown(labeller, node, 'it has graphs inside that are not walked through');
  } else if (operator === undefined) {
    freezeNode(labeller, node, `the operator ${operatorName(node.op, node.domain)} is not known`);
  } else operator(labeller, node);
}

/** Fixes what a node reads, also from inside its graphs, and their own parameters. */
function freezeKnown(labeller: Labeller, node: OnnxNode, reason: string): void {
  const inner = node.attributes.graphs().flatMap((graph) => [...tensorsOf(graph)].map(([name]) => name));
  const read = [...node.inputs, ...node.captured(), ...inner.filter((name) => labeller.isParameter(name))];
  const known = read.filter((name) => name !== '' && labeller.isKnown(name));
  labeller.freezeReported(
    node,
    known.flatMap((name) => labeller.get(name)),
    reason,
  );
  for (const name of inner) labeller.use(name, node, 'weight', []);
  for (const output of node.outputs) {
    const shape = labeller.evaluation.shapes.get(output);
    if (shape)
      labeller.put(
        output,
        shape.map((size) => labeller.fixed(size)),
      );
  }
}

/**
 * Gives one order for all to what is within something that an operator takes away, or of which a tensor has several.
 *
 * It is asked of what the labels have turned out to be, so it goes on until nothing changes.
 */
function settle(labeller: Labeller): void {
  const { solver, tensors, removals } = labeller;
  let changed = true;
  while (changed) {
    changed = false;
    const uniform = (leaf: LeafId) => {
      solver.uniformize([[leaf]]);
      changed = true;
    };
    for (const labels of tensors.values()) ambiguous(solver, labels).forEach(uniform);
    for (const { labels, axes } of removals) orphaned(solver, labels, axes).forEach(uniform);
  }
}

interface Factor {
  readonly leaf: LeafId;
  /** Whether it stands for several leaves, one for each part of an axis that was cut. */
  readonly split: boolean;
  readonly axis: number;
  readonly parent: LeafId | undefined;
  /** Whether its parent is a slower factor of the same product. */
  readonly held: boolean;
}

/** All plain leaves of a tensor's labels. */
function factorsOf(solver: LabelSolver, labels: readonly AxisLabel[]): Factor[] {
  const walk = (product: readonly LeafId[], axis: number, slower: readonly LeafId[]): Factor[] => {
    const seen = [...slower];
    return product.flatMap((leaf) => {
      const parts = solver.resolve([[leaf]]);
      if (parts.length > 1 || parts[0]!.length > 1) {
        const inner = parts.flatMap((part) => walk(part, axis, seen));
        seen.push(...inner.map((factor) => factor.leaf));
        return inner;
      }
      const id = parts[0]![0]!;
      const { within: parent, split } = solver.describe(id);
      const factor = { leaf: id, split, axis, parent, held: parent !== undefined && seen.includes(parent) };
      seen.push(id);
      return [factor];
    });
  };
  return labels.flatMap((label, axis) =>
    label === undefined ? [] : solver.resolve(label).flatMap((product) => walk(product, axis, [])),
  );
}

/** Leaves whose parent a tensor hasn't, has more than once, or has on the wrong side of the same axis. */
function ambiguous(solver: LabelSolver, labels: readonly AxisLabel[]): LeafId[] {
  const factors = factorsOf(solver, labels);
  const cut = labels.map((label) => label !== undefined && isCut(solver, label));
  return factors.flatMap(({ leaf, split, parent, held, axis }) => {
    if (!solver.describe(leaf).free) return [];
    if (split) return cut.some((is) => is) ? [] : [leaf];
    if (parent === undefined || held) return [];
    const holders = factors.filter((other) => other.leaf === parent);
    return holders.length === 1 && holders[0]!.axis !== axis ? [] : [leaf];
  });
}

/** Whether parts of an axis have been told apart, and so perhaps what is within it. */
const isCut = (solver: LabelSolver, label: Label): boolean =>
  solver.resolve(label).length > 1 || solver.resolve(label)[0]!.some((leaf) => solver.resolve([[leaf]]).length > 1);

/** Leaves that stay when the axis that says which of their orders is meant goes away. */
function orphaned(solver: LabelSolver, labels: readonly AxisLabel[], axes: readonly number[]): LeafId[] {
  const factors = factorsOf(solver, labels);
  const gone = new Set(factors.filter(({ axis }) => axes.includes(axis)).map(({ leaf }) => leaf));
  const cut = axes.some((axis) => labels[axis] !== undefined && isCut(solver, labels[axis]));
  const stays = labels.some((label, axis) => label !== undefined && !axes.includes(axis) && isCut(solver, label));
  return factors.flatMap(({ leaf, split, parent, held, axis }) => {
    if (axes.includes(axis) || !solver.describe(leaf).free) return [];
    if (split) return cut || !stays ? [leaf] : [];
    return parent !== undefined && !held && gone.has(parent) ? [leaf] : [];
  });
}
