/** @file What is known of the tensors of a model while its operators are walked through. */
import { LabelSolver } from '@weightspace/architecture';
import type { AxisRole, Label, LeafId, ParameterKind } from '@weightspace/architecture';
import type { OnnxArray } from '@weightspace/compute';
import type { TensorProto } from 'onnx-buf';

import type { Evaluation } from './evaluate.ts';
import type { OnnxNode } from './graph.ts';
import { arrayOf, elementTypeOf, isFloat, numbers, shapeOf } from './tensor-data.ts';
import { varyingAxes } from './varying-axes.ts';

/** The label of one axis of a tensor; undefined where the tensor's values don't vary along it, so that any order will do. */
export type AxisLabel = Label | undefined;

/** An axis, or a part of one, whose order the recognition had to fix, and why. */
export interface Frozen {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
}

/** What reads a parameter, and as what. */
export interface ParameterUse {
  readonly node: OnnxNode;
  readonly kind: ParameterKind;
  readonly roles: readonly AxisRole[];
}

/** A tensor in the file that may be a parameter. */
export interface Source {
  readonly tensor: TensorProto;
  /** Whether it is the value of a `Constant` node; else it is an initializer. */
  readonly constant: boolean;
}

export interface Root {
  readonly name: string;
  readonly tensor: TensorProto;
  readonly labels: readonly AxisLabel[];
  readonly uses: ParameterUse[];
}

/** Axes that an operator sums or selects over, while the other axes of the tensor stay. */
export interface Removal {
  readonly labels: readonly AxisLabel[];
  readonly axes: readonly number[];
}

/** Labels of a model's tensors by name, and the solver in which they stand. */
export class Labeller {
  readonly solver = new LabelSolver();
  readonly evaluation: Evaluation;
  readonly tensors = new Map<string, readonly AxisLabel[]>();
  /** Parameters that something reads, in the order of their first reading. */
  readonly roots = new Map<string, Root>();
  readonly removals: Removal[] = [];
  readonly frozen: Frozen[] = [];
  /** Batch axes of products between two computed arrays: what moves along them are heads. */
  readonly batches: AxisLabel[] = [];
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #quantized: ReadonlySet<string>;
  /** Tensors that are a parameter with other axes: which of the parameter's axes each axis is, −1 for new ones. */
  readonly #views = new Map<string, { readonly root: string; readonly axes: readonly number[] }>();

  /**
   * @param sources tensors in the file that may be parameters, by name
   * @param quantized those of them whose whole numbers are weights
   */
  constructor(evaluation: Evaluation, sources: ReadonlyMap<string, Source>, quantized: ReadonlySet<string>) {
    this.evaluation = evaluation;
    this.#sources = sources;
    this.#quantized = quantized;
  }

  shape(name: string): readonly number[] {
    const shape = this.evaluation.shapes.get(name);
    if (shape === undefined) throw new Error(`internal: '${name}' has no shape`);
    return shape;
  }

  /** Whether it is a tensor in the file. */
  isSource = (name: string): boolean => this.#sources.has(name);

  /** Whether it has labels, or is a tensor in the file and gets some. */
  isKnown = (name: string): boolean =>
    this.tensors.has(name) || (this.#sources.has(name) && (this.isParameter(name) || this.evaluation.shapes.has(name)));

  rank = (name: string): number => this.shape(name).length;

  /** Labels of what an operator reads. Whatever nobody has labelled is a parameter or a constant of the file. */
  get(name: string): readonly AxisLabel[] {
    const known = this.tensors.get(name);
    if (known) return known;
    const source = this.#sources.get(name);
    if (source === undefined) throw new Error(`internal: nothing has labelled '${name}'`);
    const labels = this.isParameter(name) ? this.#root(name, source.tensor) : this.byValue(name);
    this.tensors.set(name, labels);
    return labels;
  }

  /** Whether the name is that of numbers that somebody trained: a float array, or whole numbers that an operator takes as weights. */
  isParameter(name: string): boolean {
    const source = this.#sources.get(name);
    const type = source && elementTypeOf(source.tensor.dataType);
    if (type === undefined || source!.tensor.dims.length === 0) return false;
    if (!isFloat(type)) return this.#quantized.has(name);
    return !source!.constant || varyingAxes(arrayOf(source!.tensor, name)).some((varies) => varies);
  }

  #root(name: string, tensor: TensorProto): readonly AxisLabel[] {
    const shape = shapeOf(tensor);
    const labels = shape.map((size, axis) =>
      size > 1 ? this.solver.space({ name: `${name}:${axis}`, size, open: true }) : undefined,
    );
    this.roots.set(name, { name, tensor, labels, uses: [] });
    this.#views.set(name, { root: name, axes: shape.map((_, axis) => axis) });
    return labels;
  }

  /** Labels of a value that no parameter goes into: fixed along the axes along which it varies. */
  byValue(name: string): readonly AxisLabel[] {
    const array = this.constant(name);
    const shape = this.shape(name);
    if (array === undefined) return shape.map((size) => this.fixed(size));
    const varies = varyingAxes(array);
    return shape.map((size, axis) => (varies[axis] ? this.fixed(size) : undefined));
  }

  put(name: string, labels: readonly AxisLabel[]): void {
    if (name === '') return;
    const shape = this.evaluation.shapes.get(name);
    if (shape === undefined) return;
    if (shape.length !== labels.length) throw new Error(`internal: '${name}' got ${labels.length} labels`);
    const checked = labels.map((label, axis) => {
      if (label === undefined || shape[axis] === 1) return undefined;
      const size = this.solver.sizeOf(label);
      if (size !== shape[axis]) throw new Error(`internal: axis ${axis} of '${name}' got a label of size ${size}`);
      return label;
    });
    this.tensors.set(name, checked);
  }

  constant = (name: string): OnnxArray | undefined => (name === '' ? undefined : this.evaluation.constant(name));

  /** A constant's numbers; undefined where the input is left out or isn't constant. */
  numbers(name: string | undefined): readonly number[] | undefined {
    const array = name === undefined ? undefined : this.constant(name);
    return array && Array.from(numbers(array));
  }

  /** A new label whose order has a meaning. */
  fixed = (size: number, kind: 'position' | 'kernel' = 'position', name?: string): AxisLabel =>
    size > 1 ? this.solver.space({ size, kind, free: false, ...(name !== undefined && { name }) }) : undefined;

  /** A new label along which values don't vary, for where a label is needed; it may differ for each member of what it is within. */
  any = (size: number, within?: LeafId): Label =>
    this.solver.space({ size, kind: 'index', ...(within !== undefined && { within }) });

  /** Makes two axes one; where values don't vary along one of them, the other is as it was. */
  unify(a: AxisLabel, b: AxisLabel): void {
    if (a !== undefined && b !== undefined) this.solver.unify(a, b);
  }

  /** Makes the axes of two tensors one, pair by pair. @returns labels of what varies along either */
  unifyAxes(a: readonly AxisLabel[], b: readonly AxisLabel[]): AxisLabel[] {
    const pairs = a.flatMap((label, i) => {
      const other = b[i];
      return label === undefined || other === undefined ? [] : [[label, other] as const];
    });
    this.solver.unifyAxes(
      pairs.map(([label]) => label),
      pairs.map(([, label]) => label),
    );
    return a.map((label, i) => label ?? b[i]);
  }

  /** NumPy's broadcasting: axes are aligned at the last. */
  broadcast(operands: readonly (readonly AxisLabel[])[]): AxisLabel[] {
    const rank = Math.max(0, ...operands.map(({ length }) => length));
    const aligned = operands.map((labels) => [...Array<AxisLabel>(rank - labels.length).fill(undefined), ...labels]);
    return aligned.reduce((a, b) => this.unifyAxes(a, b), Array<AxisLabel>(rank).fill(undefined));
  }

  freeze(labels: readonly AxisLabel[]): void {
    for (const label of labels) if (label !== undefined) this.solver.freeze(label);
  }

  /** Fixes axes because the recognition knows no better, and says so; nothing is said where they were fixed before. */
  freezeReported(node: OnnxNode, labels: readonly AxisLabel[], reason: string): void {
    const given = labels.filter((label) => label !== undefined);
    if (given.some((label) => this.solver.isFree(label))) this.frozen.push({ node: node.name, op: node.op, reason });
    this.freeze(given);
  }

  /** Says that an operator takes these axes away from a tensor whose other axes stay. */
  remove(labels: readonly AxisLabel[], axes: readonly number[]): void {
    if (axes.length > 0) this.removals.push({ labels, axes });
  }

  /** Says what an operator takes a parameter for, or a tensor that is one with other axes; of other tensors nothing. */
  use(name: string | undefined, node: OnnxNode, kind: ParameterKind, roles: readonly AxisRole[]): void {
    const view = name === undefined ? undefined : this.#views.get(name);
    if (view === undefined) return;
    const root = this.roots.get(view.root)!;
    const own = root.labels.map((_, axis): AxisRole => roles[view.axes.indexOf(axis)] ?? 'index');
    root.uses.push({ node, kind, roles: own });
  }

  /** The parameter that a tensor is, perhaps with other axes. */
  rootOf = (name: string): string | undefined => this.#views.get(name)?.root;

  isView = (name: string): boolean => this.#views.has(name);

  /** Says that `output` is `input` with other axes. @param axes which axis of `input` each axis is, −1 for new ones */
  view(input: string, output: string, axes: readonly number[]): void {
    const view = this.#views.get(input);
    if (view)
      this.#views.set(output, { root: view.root, axes: axes.map((axis) => (axis < 0 ? -1 : view.axes[axis]!)) });
  }
}
