/** @file Finds out which axes index the same things, from equations between labels. */
import { finish } from './finish.ts';
import type { Finished } from './finish.ts';
import { LabelError } from './label.ts';
import type { Label, LeafId, LeafOptions, SpaceKind } from './label.ts';
import { LeafTable } from './leaf-table.ts';
import type { Leaf } from './leaf-table.ts';
import { copyForPart, cutLabel, mergeCopies, unifyLabels } from './unify.ts';

export interface SplitOptions {
  /** Names of new leaves; by number otherwise. */
  readonly names?: readonly string[];
  /** Kinds of new leaves; the last keeps the kind of what is split, those before are groups where that is 'neuron'. */
  readonly kinds?: readonly SpaceKind[];
}

/**
 * Labels as unknowns: equal axes are unified, products and concatenations are taken apart, and what doesn't fit is fixed.
 *
 * First-order unification with splitting. For labels of one size nothing ever fails: where no common refinement exists,
 * both sides are frozen, which is always right, since the identity is a symmetry of everything.
 *
 *     const solver = new LabelSolver();
 *     const h = solver.leaf({ name: 'h', size: 6 });
 *     const [head, each] = solver.splitProduct([[h]], [2, 3]);       // two heads of three, each with an order of its own
 *     solver.register('w', [[[h]]]);
 *     solver.finish().composites;                                    // h = [[h.0, h.1]]
 */
export class LabelSolver {
  readonly #table = new LeafTable();
  readonly #registered: (readonly [key: string, labels: readonly Label[], names: readonly string[]])[] = [];

  /** @throws {LabelError} unless the size is a whole number ≥ 1 */
  leaf(options: LeafOptions): LeafId {
    return this.#table.add(options);
  }

  /** A label of one new leaf. */
  space(options: LeafOptions): Label {
    return [[this.leaf(options)]];
  }

  sizeOf(label: Label): number {
    return this.#table.sizeOf(label);
  }

  /** The label with all that is known put in; a concatenation inside of a product stays one factor. */
  resolve(label: Label): Label {
    return this.#table.resolve(label);
  }

  /** What is known of a leaf by now. */
  describe(id: LeafId): {
    readonly name: string | undefined;
    readonly size: number;
    readonly kind: SpaceKind;
    readonly free: boolean;
    readonly within: LeafId | undefined;
    /** Whether it stands for several leaves, one for each part of something that was cut. */
    readonly split: boolean;
  } {
    const leaf = this.#table.root(id);
    const { name, size, kind, free, split } = leaf;
    return { name, size, kind, free, within: this.#table.parentOf(leaf)?.id, split: split !== undefined };
  }

  /** Whether anything along the axis may still change its order. */
  isFree(label: Label): boolean {
    return this.#table
      .segments(label)
      .flat()
      .some((leaf) => (leaf.to ? this.isFree(leaf.to) : leaf.free && leaf.size > 1));
  }

  /**
   * Both axes index the same.
   *
   * @throws {LabelError} when their sizes differ
   */
  unify(a: Label, b: Label): void {
    const [p, q] = [this.sizeOf(a), this.sizeOf(b)];
    if (p !== q) throw new LabelError('unify', `labels must have one size, got ${p} and ${q}`);
    unifyLabels(this.#table, a, b);
  }

  /**
   * The axes of two tensors index the same, pair by pair; spaces go before what is within them.
   *
   * @throws {LabelError} when there are more of one than of the other, or sizes differ
   */
  unifyAxes(a: readonly Label[], b: readonly Label[]): void {
    if (a.length !== b.length) {
      throw new LabelError('unifyAxes', `there must be as many axes on both sides, got ${a.length} and ${b.length}`);
    }
    const order = a.map((label, i) => [Math.max(this.#depth(label), this.#depth(b[i]!)), i] as const);
    for (const [, i] of order.sort(([p], [q]) => p - q)) this.unify(a[i]!, b[i]!);
  }

  #depth(label: Label): number {
    const depthOf = (leaf: Leaf): number => {
      const parent = this.#table.parentOf(leaf);
      return parent ? 1 + depthOf(parent) : leaf.to ? this.#depth(leaf.to) : 0;
    };
    return Math.max(...this.#table.segments(label).flat().map(depthOf));
  }

  /**
   * An axis that is reshaped to several, slowest first.
   *
   * @returns one label for each size; a plain leaf's factors are each within the one before
   * @throws {LabelError} unless the product of the sizes is the size of the label
   */
  splitProduct(label: Label, sizes: readonly number[], options: SplitOptions = {}): Label[] {
    const total = sizes.reduce((n, size) => n * size, 1);
    if (total !== this.sizeOf(label)) {
      throw new LabelError('splitProduct', `sizes [${sizes.join(', ')}] must have the product ${this.sizeOf(label)}`);
    }
    const kind = this.#table.segments(label)[0]!.at(-1)!.kind;
    const parts: LeafId[] = [];
    sizes.forEach((size, i) => {
      const last = i === sizes.length - 1;
      const within = parts.findLast((part) => this.#table.get(part).size > 1);
      parts.push(
        this.leaf({
          name: options.names?.[i],
          size,
          kind: options.kinds?.[i] ?? (last || kind !== 'neuron' ? kind : 'group'),
          within,
        }),
      );
    });
    this.unify(label, [parts]);
    return parts.map((part) => [[part]]);
  }

  /**
   * An axis that is cut into consecutive parts.
   *
   * @returns one label for each size
   * @throws {LabelError} unless the sum of the sizes is the size of the label
   */
  splitConcat(label: Label, sizes: readonly number[]): Label[] {
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total !== this.sizeOf(label)) {
      throw new LabelError('splitConcat', `sizes [${sizes.join(', ')}] must have the sum ${this.sizeOf(label)}`);
    }
    let rest: Label = this.resolve(label);
    return sizes.map((size, i) => {
      if (i === sizes.length - 1) return rest;
      const parts = cutLabel(this.#table, rest, size);
      if (parts) {
        rest = parts[1];
        return parts[0];
      }
      this.freeze(rest);
      const left = this.sizeOf(rest) - size;
      rest = this.space({ size: left, kind: 'index', free: false });
      return this.space({ size, kind: 'index', free: false });
    });
  }

  /**
   * Parts of a tensor that is cut along one axis: what is within that axis is told apart, too.
   *
   * @param labels of all axes of the tensor
   * @returns for each part the labels of all its axes; an axis of size 1 is still there
   * @throws {LabelError} unless the sum of the sizes is the size of the axis
   */
  select(labels: readonly Label[], axis: number, sizes: readonly number[]): Label[][] {
    return this.splitConcat(labels[axis]!, sizes).map((part) =>
      labels.map((label, i) => (i === axis ? part : this.#partOf(label, labels[axis]!, part))),
    );
  }

  /** A label of a tensor of which one axis was cut: with the copies for that part. */
  #partOf(label: Label, whole: Label, part: Label): Label {
    const [[owner, ...faster] = [], ...others] = whole;
    if (owner === undefined || faster.length > 0 || others.length > 0) return label;
    return label.map((product) =>
      this.#table.atoms(product).map((leaf) => {
        const own = leaf.split !== undefined && this.#table.root(leaf.split.of) === this.#table.root(owner);
        return own ? copyForPart(this.#table, leaf, part) : leaf.id;
      }),
    );
  }

  /** Axes that are reshaped to one, slowest first. */
  merge(labels: readonly Label[]): Label {
    return labels.reduce((left, right) => {
      const segments = this.resolve(right);
      if (segments.length === 1) return left.map((product) => [...product, ...segments[0]!]);
      const whole = this.leaf({ size: this.sizeOf(right) });
      this.#table.substitute(this.#table.get(whole), segments);
      return left.map((product) => [...product, whole]);
    });
  }

  /** Axes that are joined end to end. */
  concat(labels: readonly Label[]): Label {
    return labels.flat();
  }

  /** The order along the axis has a meaning. */
  freeze(label: Label): void {
    this.#table.freeze(label);
  }

  /** One order for all members of what the label is within: needed where that is summed over and the label stays. */
  uniformize(label: Label): void {
    for (const atoms of this.#table.segments(label)) {
      atoms.forEach((leaf, i) => {
        if (leaf.split) return mergeCopies(this.#table, leaf);
        if (leaf.to) return this.uniformize(leaf.to);
        const parent = this.#table.parentOf(leaf);
        if (parent && !atoms.slice(0, i).includes(parent)) this.#table.setWithin(leaf, undefined);
      });
    }
  }

  /** Cuts a leaf into its single members: each gets what is within it as leaves of its own. */
  singles(label: Label): Label[] {
    return this.splitConcat(label, Array<number>(this.sizeOf(label)).fill(1));
  }

  /**
   * Axes of one tensor whose labels `finish` shall give.
   *
   * @param names what to call each label that is not a leaf, if nothing earlier has it
   */
  register(
    key: string,
    labels: readonly Label[],
    names: readonly string[] = labels.map((_, i) => `${key}.${i}`),
  ): void {
    this.#registered.push([key, labels, names]);
  }

  /**
   * Spaces, composites and the names of all registered labels.
   *
   * A leaf is called after the first of those that it was united with; a label that is no leaf after the first
   * registration that has it.
   */
  finish(): Finished {
    return finish(this.#table, this.#registered);
  }
}
