/** @file Where the neurons of each space stand in each parameter: what the labels of its axes say, worked out once. */
import type { AxisRole, LabelledNetwork, ParameterSpec, Space } from '@weightspace/architecture';

import { ParentFinder, unitedAxes } from './parents.ts';
import { Positions } from './positions.ts';
import { fail, segmentsOf } from './segments.ts';
import type { Segment } from './segments.ts';

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

function parameterLayout(
  network: LabelledNetwork,
  leaves: ReadonlyMap<string, LeafSpace>,
  parameter: ParameterSpec,
): ParameterLayout {
  const { name, shape, axes, roles } = parameter;
  const labels = axes.map((label) => segmentsOf(network, leaves, label));
  return { parameter, ranges: rangesOf(`'${name}'`, shape, labels, roles) };
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
  const roles = labels.map((): AxisRole => 'index');
  return rangesOf(what, shape, segments, roles);
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
