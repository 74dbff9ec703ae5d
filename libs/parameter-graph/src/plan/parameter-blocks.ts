/** @file A parameter's axes taken apart: which factors number the nodes at either end of its edges, and which tell parallel edges apart. */
import type { ParameterSpec, Space } from '@weightspace/architecture';

import { productKey } from '../network.ts';
import type { Labels } from '../network.ts';

import { ParameterGraphError } from '../parameter-graph-error.ts';
import type { PlaceAxis } from '../parameter-graph.ts';

/** A factor of one axis; the coordinate at a position of the axis is ⌊position / stride⌋ mod size. */
export interface Factor {
  readonly space: Space;
  readonly axis: number;
  readonly stride: number;
}

/** One end of a block's edges. */
export interface Side {
  readonly factors: readonly Factor[];
  readonly key: string;
  readonly size: number;
  /** Which segment of its axis it is. */
  readonly segment: number;
}

/** One combination of the segments of a parameter's axes. */
export interface ParameterBlock {
  readonly parameter: ParameterSpec;
  /** Of each axis: where it begins and how long it is. */
  readonly ranges: readonly { readonly start: number; readonly size: number }[];
  /** Segment of each side, where its axis has several. */
  readonly segments: readonly number[];
  readonly target: Side;
  /** Without factors where nothing is read. */
  readonly source: Side;
  readonly places: readonly Factor[];
}

const PLACES = new Set(['kernel', 'gate', 'index']);
const TABLES = new Set(['position', 'token']);

const isNeuron = ({ free, kind }: Space): boolean => free || (!PLACES.has(kind) && !TABLES.has(kind));
const isTable = (space: Space): boolean => !isNeuron(space) && TABLES.has(space.kind);

interface Axis {
  readonly axis: number;
  readonly role: string;
  readonly segment: number;
  readonly count: number;
  readonly start: number;
  readonly size: number;
  readonly factors: readonly Factor[];
}

/** The blocks of one parameter, in the order in which they stand in it. */
export function parameterBlocks(labels: Labels, parameter: ParameterSpec): ParameterBlock[] {
  const axes = parameter.axes.map((label, axis) => axisSegments(labels, label, axis, parameter.roles[axis]!));
  const combinations = axes.reduce<Axis[][]>(
    (all, segments) => all.flatMap((chosen) => segments.map((segment) => [...chosen, segment])),
    [[]],
  );
  return combinations.map((chosen) => blockOf(labels, parameter, chosen));
}

function axisSegments(labels: Labels, label: string, axis: number, role: string): Axis[] {
  let start = 0;
  const segments = labels.segments(label);
  return segments.map((spaces, segment) => {
    let stride = spaces.reduce((product, { size }) => product * size, 1);
    const size = stride;
    const factors = spaces.map((space) => ({ space, axis, stride: (stride /= space.size) }));
    const result = { axis, role, segment, count: segments.length, start, size, factors };
    start += size;
    return result;
  });
}

function blockOf(labels: Labels, parameter: ParameterSpec, axes: readonly Axis[]): ParameterBlock {
  const { target, source } = sidesOf(axes);
  const all = axes.flatMap(({ factors }) => factors);
  const onNodes = new Set([...target, ...source].flatMap((axis) => nodeFactors(axis)));
  const side = (own: readonly Axis[]): Side => {
    const factors = complete(labels, parameter, own.flatMap(nodeFactors), all);
    const spaces = factors.map(({ space }) => space);
    const size = spaces.reduce((product, space) => product * space.size, 1);
    return { factors, key: productKey(spaces), size, segment: own[0]?.segment ?? 0 };
  };
  return {
    parameter,
    ranges: axes.map(({ start, size }) => ({ start, size })),
    segments: axes.filter(({ count }) => count > 1).map(({ segment }) => segment),
    target: side(target),
    source: side(source),
    places: all.filter((factor) => !onNodes.has(factor) && factor.space.size > 1),
  };
}

/** Neurons; where an axis has none, what it indexes in a table. */
function nodeFactors({ factors }: Axis): readonly Factor[] {
  const neurons = factors.filter(({ space }) => isNeuron(space));
  return neurons.length > 0 ? neurons : factors.filter(({ space }) => isTable(space));
}

function sidesOf(axes: readonly Axis[]): { readonly target: readonly Axis[]; readonly source: readonly Axis[] } {
  const neurons = axes.filter(({ factors }) => factors.some(({ space }) => isNeuron(space)));
  const tables = axes.filter((axis) => !neurons.includes(axis) && axis.factors.some(({ space }) => isTable(space)));
  const nodes = neurons.length < 2 ? [...neurons, ...tables] : neurons;
  const of = (role: string) => nodes.filter((axis) => axis.role === role);
  const listed = of('index');
  const written = of('out');
  const target =
    written.length > 0 ? written : [listed.find((axis) => neurons.includes(axis)) ?? listed.at(-1) ?? of('in').at(-1)];
  const present = target.filter((axis) => axis !== undefined);
  return { target: present, source: nodes.filter((axis) => !present.includes(axis)) };
}

/** Puts before each factor the spaces that it lies within, from wherever in the parameter their coordinate stands. */
function complete(
  labels: Labels,
  parameter: ParameterSpec,
  own: readonly Factor[],
  all: readonly Factor[],
): readonly Factor[] {
  const result: Factor[] = [];
  for (const factor of own) {
    for (const ancestor of labels.ancestors(factor.space)) {
      if (result.some(({ space }) => space === ancestor)) continue;
      const found = nearest(ancestor, factor, all);
      if (found === undefined) {
        const message = `parameter '${parameter.name}' must have an axis with space '${ancestor.name}', which '${factor.space.name}' lies within`;
        throw new ParameterGraphError('parameterBlocks', message);
      }
      result.push(found);
    }
    result.push(factor);
  }
  return result;
}

function nearest(space: Space, child: Factor, all: readonly Factor[]): Factor | undefined {
  const inAxis = all.filter((factor) => factor.axis === child.axis && factor.space === space);
  const left = inAxis.filter(({ stride }) => stride >= child.stride * child.space.size).at(-1);
  return left ?? all.find((factor) => factor.space === space && factor.axis !== child.axis);
}

/** Neurons of a value's channels, one product for each segment of their label. */
export function valueFactors(labels: Labels, label: string): readonly (readonly Space[])[] {
  return labels.segments(label).map((spaces) => {
    const neurons = spaces.filter(isNeuron);
    return neurons.length > 0 ? neurons : spaces.filter(isTable);
  });
}

export const placeAxes = (places: readonly Factor[]): PlaceAxis[] =>
  places.map(({ space }) => ({ space: space.name, kind: space.kind, size: space.size }));
