/** @file Which factor of which axis says in what instance of its space a neuron is. */
import type { LeafSpace } from './layout.ts';
import { fail } from './segments.ts';
import type { Segment } from './segments.ts';

/** Whether the order of a leaf, or of one within it, matters: only then its parents are looked for. */
export const moves = ({ free, total }: LeafSpace): boolean => free && total > 1;

export interface Place {
  readonly axis: number;
  readonly factor: number;
}

/** Finds the factor that says which instance of a leaf is meant: to the left on the same axis, else on another axis. */
export class ParentFinder {
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
export function unitedAxes(labels: readonly (readonly Segment[])[], finder: ParentFinder): [number, number][] {
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
