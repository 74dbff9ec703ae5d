/** @file Where the neurons of each space stand in each parameter: what the labels of its axes say, worked out once. */
import type { AxisRole, LabelledNetwork, ParameterSpec, Space } from '@weightspace/architecture';
import { sizeOf } from '@weightspace/compute';

import { SymmetryError } from './symmetry-error.ts';

/** A space, and how many independent copies of its order there are: one for each neuron of the space it is within. */
export interface LeafSpace {
  readonly space: Space;
  readonly name: string;
  readonly size: number;
  readonly free: boolean;
  readonly parent: LeafSpace | undefined;
  /** Product of the sizes of all spaces that it is within. */
  readonly instances: number;
  /** instances · size: neurons are numbered instance · size + place. */
  readonly total: number;
}

/** One factor of one axis: which neuron of its space stands where. */
export interface Slot {
  readonly leaf: LeafSpace;
  readonly axis: number;
  readonly role: AxisRole;
  /** By position in the range: the neuron (of a fixed space its place), or −1 where another segment stands. */
  readonly neurons: Int32Array;
  /** By position in the range: how far away the next neuron is. */
  readonly strides: Int32Array;
}

/** Adjacent axes that move as one: a single axis, or several where a parent stands on another axis than its child. */
export interface AxisRange {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly size: number;
  readonly slots: readonly Slot[];
  /** By position: a number for the segments that it is in. */
  readonly segments: Int32Array;
}

export interface ParameterLayout {
  readonly parameter: ParameterSpec;
  readonly ranges: readonly AxisRange[];
}

export interface Layout {
  readonly leaves: ReadonlyMap<string, LeafSpace>;
  readonly parameters: readonly ParameterLayout[];
}

interface Factor {
  readonly leaf: LeafSpace;
  /** Within the axis. */
  readonly stride: number;
}

interface Segment {
  readonly offset: number;
  readonly size: number;
  readonly factors: readonly Factor[];
}

const layouts = new WeakMap<LabelledNetwork, Layout>();

/**
 * The network's layout, computed once for each network, which must not be changed afterwards.
 *
 * @throws {SymmetryError} when labels contradict each other or the shapes
 */
export function layoutOf(network: LabelledNetwork): Layout {
  const known = layouts.get(network);
  if (known) return known;
  const leaves = leavesOf(network);
  const layout = { leaves, parameters: network.parameters.map((p) => parameterLayout(network, leaves, p)) };
  layouts.set(network, layout);
  return layout;
}

/** The leaf spaces of a network by name. */
function leavesOf({ name: network, spaces }: LabelledNetwork): Map<string, LeafSpace> {
  const leaves = new Map<string, LeafSpace>();
  const add = (space: Space, path: readonly string[]): LeafSpace => {
    const done = leaves.get(space.name);
    if (done) return done;
    if (path.includes(space.name)) fail(`space '${space.name}' of ${network} must not be within itself`);
    const within = space.within === undefined ? undefined : spaces.find(({ name }) => name === space.within);
    if (space.within !== undefined && within === undefined) {
      fail(`space '${space.name}' of ${network} must be within a space that exists, got '${space.within}'`);
    }
    const parent = within && add(within, [...path, space.name]);
    const { name, size, free } = space;
    const instances = parent?.total ?? 1;
    const leaf = { space, name, size, free, parent, instances, total: instances * size };
    leaves.set(name, leaf);
    return leaf;
  };
  spaces.forEach((space) => add(space, []));
  return leaves;
}

function fail(message: string): never {
  throw new SymmetryError('layoutOf', message);
}

/** An axis or any other list of positions with the name of a space or composite: its segments. */
export function segmentsOf(
  { composites }: LabelledNetwork,
  leaves: ReadonlyMap<string, LeafSpace>,
  label: string,
): readonly Segment[] {
  const composite = composites.find(({ name }) => name === label);
  let offset = 0;
  return (composite?.segments ?? [[label]]).map((names) => {
    const own = names.map((name) => leaves.get(name) ?? fail(`label '${label}' must be of spaces, got '${name}'`));
    const size = own.reduce((product, leaf) => product * leaf.size, 1);
    let stride = size;
    const factors = own.map((leaf) => ({ leaf, stride: (stride /= leaf.size) }));
    offset += size;
    return { offset: offset - size, size, factors };
  });
}

function parameterLayout(
  network: LabelledNetwork,
  leaves: ReadonlyMap<string, LeafSpace>,
  parameter: ParameterSpec,
): ParameterLayout {
  const { name, shape, axes, roles } = parameter;
  return {
    parameter,
    ranges: rangesOf(
      `'${name}'`,
      shape,
      axes.map((label) => segmentsOf(network, leaves, label)),
      roles,
    ),
  };
}

/**
 * The ranges of an array whose axes are labelled as a parameter's are.
 *
 * @param labels names of spaces and composites; undefined for axes that stay
 * @throws {SymmetryError} when labels and shape disagree
 */
export function labelRanges(
  network: LabelledNetwork,
  what: string,
  shape: readonly number[],
  labels: readonly (string | undefined)[],
): AxisRange[] {
  const { leaves } = layoutOf(network);
  const segments = labels.map((label, axis) =>
    label === undefined ? [{ offset: 0, size: shape[axis]!, factors: [] }] : segmentsOf(network, leaves, label),
  );
  return rangesOf(
    what,
    shape,
    segments,
    labels.map(() => 'index'),
  );
}

function rangesOf(
  what: string,
  shape: readonly number[],
  labels: readonly (readonly Segment[])[],
  roles: readonly AxisRole[],
): AxisRange[] {
  labels.forEach((segments, axis) => {
    const size = segments.reduce((sum, segment) => sum + segment.size, 0);
    if (size === shape[axis]) return;
    fail(`axis ${axis} of ${what} must have ${size} positions as its label says, got shape [${shape.join(', ')}]`);
  });
  const finder = new ParentFinder(what, labels);
  return unitedAxes(labels, finder).map(([from, to]): AxisRange => {
    const positions = new Positions(shape, labels, from, to, finder);
    return { from, to, size: positions.size, slots: positions.slots(roles), segments: positions.segments };
  });
}

/** Whether the order of a leaf, or of one within it, matters: only then its parents are looked for. */
const moves = ({ free, total }: LeafSpace): boolean => free && total > 1;

interface Place {
  readonly axis: number;
  readonly factor: number;
}

/** Finds the factor that says which instance of a leaf is meant: to the left on the same axis, else on another axis. */
class ParentFinder {
  readonly #what: string;
  readonly #labels: readonly (readonly Segment[])[];

  constructor(what: string, labels: readonly (readonly Segment[])[]) {
    this.#what = what;
    this.#labels = labels;
  }

  /** @param segments the segment on each axis; where there is none, the axis isn't looked at */
  find(parent: LeafSpace, place: Place, segments: readonly (Segment | undefined)[]): Place | undefined {
    const left = segments[place.axis]!.factors.slice(0, place.factor).findLastIndex(({ leaf }) => leaf === parent);
    if (left >= 0) return { axis: place.axis, factor: left };
    for (let axis = 0; axis < segments.length; axis++) {
      if (axis === place.axis) continue;
      const factor = segments[axis]?.factors.findIndex(({ leaf }) => leaf === parent) ?? -1;
      if (factor >= 0) return { axis, factor };
    }
    return undefined;
  }

  missing(leaf: LeafSpace): never {
    return fail(
      `${this.#what} must tell which neuron of '${leaf.parent!.name}' each neuron of '${leaf.name}' is within, ` +
        `got no axis with '${leaf.parent!.name}'`,
    );
  }

  /** Other axes that a factor's instance may depend on. */
  axesNeeded(place: Place, segment: Segment): number[] {
    const { parent } = segment.factors[place.factor]!.leaf;
    if (parent === undefined || parent.total === 1) return [];
    const own = this.#labels.map((_, axis) => (axis === place.axis ? segment : undefined));
    const left = this.find(parent, place, own);
    if (left) return this.axesNeeded(left, segment);
    return this.#labels.flatMap((segments, axis) =>
      axis === place.axis
        ? []
        : segments.flatMap((other) => {
            const factor = other.factors.findIndex(({ leaf }) => leaf === parent);
            return factor < 0 ? [] : [axis, ...this.axesNeeded({ axis, factor }, other)];
          }),
    );
  }
}

/** First and last (exclusive) axes of the ranges. */
function unitedAxes(labels: readonly (readonly Segment[])[], finder: ParentFinder): [number, number][] {
  const ranges = labels.map((_, axis): [number, number] => [axis, axis + 1]);
  labels.forEach((segments, axis) => {
    for (const segment of segments) {
      segment.factors.forEach(({ leaf }, factor) => {
        if (!moves(leaf)) return;
        const all = [axis, ...finder.axesNeeded({ axis, factor }, segment)];
        unite(ranges, Math.min(...all), Math.max(...all) + 1);
      });
    }
  });
  return ranges;
}

function unite(ranges: [number, number][], from: number, to: number): void {
  const inside = ranges.filter(([a, b]) => a < to && b > from);
  const united: [number, number] = [inside[0]![0], inside.at(-1)![1]];
  ranges.splice(ranges.indexOf(inside[0]!), inside.length, united);
}

/** All positions of a range: what stands at each. */
class Positions {
  readonly size: number;
  /** Filled in by `slots`. */
  readonly segments: Int32Array;
  readonly #from: number;
  readonly #sizes: readonly number[];
  /** Segments by axis; outside of the range there are none. */
  readonly #labels: readonly (readonly Segment[])[];
  readonly #finder: ParentFinder;

  constructor(
    shape: readonly number[],
    labels: readonly (readonly Segment[])[],
    from: number,
    to: number,
    finder: ParentFinder,
  ) {
    this.#from = from;
    this.#sizes = shape.slice(from, to);
    this.size = sizeOf(this.#sizes);
    this.segments = new Int32Array(this.size);
    this.#labels = labels.slice(0, to);
    this.#finder = finder;
  }

  slots(roles: readonly AxisRole[]): Slot[] {
    const slots = new Map<string, Slot>();
    const at = new Array<number>(this.#labels.length).fill(0);
    const segments = new Array<Segment | undefined>(this.#labels.length).fill(undefined);
    for (let x = 0; x < this.size; x++) {
      this.#locate(x, at, segments);
      for (let axis = this.#from; axis < at.length; axis++) {
        const inner = sizeOf(this.#sizes.slice(axis - this.#from + 1));
        const { factors } = segments[axis]!;
        this.segments[x] =
          this.segments[x]! * this.#labels[axis]!.length + this.#labels[axis]!.indexOf(segments[axis]!);
        for (let f = 0; f < factors.length; f++) {
          const slot = this.#slot(slots, axis, factors, f, roles[axis]!);
          slot.neurons[x] = this.#neuron({ axis, factor: f }, at, segments);
          slot.strides[x] = factors[f]!.stride * inner;
        }
      }
    }
    return [...slots.values()];
  }

  #locate(x: number, at: number[], segments: (Segment | undefined)[]): void {
    let rest = x;
    for (let axis = at.length - 1; axis >= this.#from; axis--) {
      const size = this.#sizes[axis - this.#from]!;
      const here = rest % size;
      rest = (rest - here) / size;
      at[axis] = here;
      segments[axis] = this.#labels[axis]!.find(({ offset, size: length }) => here >= offset && here < offset + length);
    }
  }

  /** The slot of a factor; the same space may stand twice in one product. */
  #slot(slots: Map<string, Slot>, axis: number, factors: readonly Factor[], f: number, role: AxisRole): Slot {
    const { leaf } = factors[f]!;
    let before = 0;
    for (let i = 0; i < f; i++) if (factors[i]!.leaf === leaf) before++;
    const key = `${axis} ${before} ${leaf.name}`;
    const found = slots.get(key);
    if (found) return found;
    const [neurons, strides] = [new Int32Array(this.size).fill(-1), new Int32Array(this.size)];
    const slot = { leaf, axis, role, neurons, strides };
    slots.set(key, slot);
    return slot;
  }

  #neuron(place: Place, at: readonly number[], segments: readonly (Segment | undefined)[]): number {
    const { leaf } = segments[place.axis]!.factors[place.factor]!;
    const own = this.#digit(place, at, segments);
    return moves(leaf) ? this.#instance(leaf, place, at, segments) * leaf.size + own : own;
  }

  #digit({ axis, factor }: Place, at: readonly number[], segments: readonly (Segment | undefined)[]): number {
    const segment = segments[axis]!;
    const { leaf, stride } = segment.factors[factor]!;
    return Math.floor((at[axis]! - segment.offset) / stride) % leaf.size;
  }

  #instance(leaf: LeafSpace, place: Place, at: readonly number[], segments: readonly (Segment | undefined)[]): number {
    const { parent } = leaf;
    if (parent === undefined || parent.total === 1) return 0;
    const found = this.#finder.find(parent, place, segments) ?? this.#finder.missing(leaf);
    return this.#instance(parent, found, at, segments) * parent.size + this.#digit(found, at, segments);
  }
}
