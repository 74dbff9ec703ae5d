/** @file What a graph is made from, and how the labels of its axes are looked up. */
import type { Composite, LabelledNetwork, Space } from '@weightspace/architecture';

import { ParameterGraphError } from './parameter-graph-error.ts';
import type { Dataflow } from './plan/dataflow.ts';

/** A labelled network: an `Architecture` is one, and so is what recognition of a checkpoint gives. */
export interface GraphNetwork extends LabelledNetwork {
  /** Which values are computed from which; an architecture says it by itself. */
  readonly dataflow?: Dataflow;
}

/** Spaces by name, and the segments of every label. */
export class Labels {
  readonly network: LabelledNetwork;
  readonly #spaces: ReadonlyMap<string, Space>;
  readonly #composites: ReadonlyMap<string, Composite>;

  constructor(network: LabelledNetwork) {
    this.network = network;
    this.#spaces = new Map(network.spaces.map((space) => [space.name, space]));
    this.#composites = new Map(network.composites.map((composite) => [composite.name, composite]));
  }

  /** @throws {ParameterGraphError} when there is no such space */
  space(name: string): Space {
    const space = this.#spaces.get(name);
    if (space) return space;
    throw new ParameterGraphError('Labels', `a label must name a space of the network, got '${name}'`);
  }

  /** Products of leaf spaces, one after the other along the axis; a plain space is one product of one. */
  segments(label: string): readonly (readonly Space[])[] {
    const composite = this.#composites.get(label);
    if (composite === undefined) return [[this.space(label)]];
    return composite.segments.map((names) => names.map((name) => this.space(name)));
  }

  /** The spaces that a space lies within, outermost first. */
  ancestors(space: Space): readonly Space[] {
    const chain: Space[] = [];
    for (let at = space.within; at !== undefined;) {
      const parent = this.space(at);
      chain.unshift(parent);
      at = parent.within;
    }
    return chain;
  }
}

/** A name for the product of some spaces. */
export const productKey = (factors: readonly Space[]): string => factors.map(({ name }) => name).join('×');
