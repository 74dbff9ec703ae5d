import { checkStacked } from '@weightspace/architecture';
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { act, compose, gaugeElement, identityElement, inverse, stackElements } from '@weightspace/symmetry';
import type { GroupElement, SpaceElement, SymmetryGroup } from '@weightspace/symmetry';

import { AlignmentError } from '../alignment-error.ts';
import { Descent } from '../weights/descent.ts';
import { RowProducts } from '../weights/row-products.ts';

export interface PairMatchOptions {
  /** Most sweeps of each pair; 100 unless said otherwise. The first two bring nearly all of the gain. */
  readonly sweeps?: number;
  /** Whether the inverses are returned, too, after the elements: what brings each reference near to its params. */
  readonly inverses?: boolean;
}

/**
 * Weight matching of many pairs of networks of one architecture, from the orders that they have: `matchWeights` with one
 * start, all that can be made once for all pairs, and elements as arrays for `actTensors`.
 *
 * Letters: P pairs, n neurons of a space (of all its instances).
 * Source: Ainsworth et al. 2023, "Git Re-Basin", arXiv:2209.04836, section 3.2. Departs: as `matchWeights`; one start.
 */
export class PairMatcher {
  readonly #group: SymmetryGroup;
  readonly #sweeps: number;
  readonly #inverses: boolean;
  readonly #products = new RowProducts();
  readonly #descent: Descent;
  readonly #scales: boolean;

  /** @throws {AlignmentError} when sweeps is no such number */
  constructor(group: SymmetryGroup, { sweeps = 100, inverses = false }: PairMatchOptions = {}) {
    if (!Number.isInteger(sweeps) || sweeps < 1) {
      throw new AlignmentError('PairMatcher', `sweeps must be a whole number from 1, got ${sweeps}`);
    }
    this.#group = group;
    this.#sweeps = sweeps;
    this.#inverses = inverses;
    this.#descent = new Descent(group, this.#products);
    this.#scales = group.spaces.some(({ kinds }) => kinds.includes('scale'));
  }

  /**
   * One pair after the other; a second call waits for nothing, so calls must not overlap.
   *
   * @param reference shape `[P, …shape]`
   * @param params shape `[P, …shape]`; each is brought near to the reference at the same place
   * @returns `<space>.permutation` (int32), `.sign`, `.shift`, `.scale` for every space and every symmetry of the group,
   *   identities too; shape `[P, n]`, with inverses `[2P, n]`
   * @throws {ParameterError | ShapeError} when parameters don't fit
   */
  async match(reference: NdArrays, params: NdArrays): Promise<Record<string, NdArray>> {
    const { architecture } = this.#group;
    const count = checkStacked('PairMatcher.match', architecture, reference);
    if (checkStacked('PairMatcher.match', architecture, params) !== count) {
      const other = checkStacked('PairMatcher.match', architecture, params);
      throw new AlignmentError(
        'PairMatcher.match',
        `params must hold ${count} networks as reference does, got ${other}`,
      );
    }
    const elements: GroupElement[] = [];
    for (let p = 0; p < count; p++) {
      elements.push(await this.#matchOne(this.#network(reference, p), this.#network(params, p)));
    }
    const all = this.#inverses ? [...elements, ...elements.map((g) => inverse(g, architecture))] : elements;
    return stackElements(
      all.map((g) => fullElement(this.#group, g)),
      architecture,
    );
  }

  release(): Promise<void> {
    return this.#products.release();
  }

  async #matchOne(reference: NdArrays, params: NdArrays): Promise<GroupElement> {
    const options = { sweeps: this.#sweeps };
    if (!this.#scales) {
      this.#descent.refer(reference);
      return (await this.#descent.run({}, params, options)).element;
    }
    const { architecture } = this.#group;
    const [toGauge, fromGauge] = [gaugeElement(this.#group, reference), gaugeElement(this.#group, params)];
    this.#descent.refer(act(architecture, toGauge, reference));
    const { element } = await this.#descent.run({}, act(architecture, fromGauge, params), options);
    return compose(inverse(toGauge, architecture), compose(element, fromGauge, architecture), architecture);
  }

  /** A view of one of the stacked networks. */
  #network(stacked: NdArrays, p: number): NdArrays {
    return Object.fromEntries(
      this.#group.architecture.parameters.map(({ name, shape }) => {
        const size = sizeOf(shape);
        return [name, ndarray(stacked[name]!.data.subarray(p * size, (p + 1) * size) as Float32Array, shape)];
      }),
    );
  }
}

/** The same element with all spaces and all symmetries of the group in it. */
function fullElement(group: SymmetryGroup, g: GroupElement): GroupElement {
  const identity = identityElement(group);
  return Object.fromEntries(
    group.spaces.map(({ name, kinds }): [string, SpaceElement] => {
      const own = g[name] ?? identity[name]!;
      const { length } = own.permutation;
      return [
        name,
        {
          ...own,
          ...(kinds.includes('sign') && { sign: own.sign ?? new Int8Array(length).fill(1) }),
          ...(kinds.includes('phase') && { shift: own.shift ?? new Int32Array(length) }),
          ...(kinds.includes('scale') && { scale: own.scale ?? new Float32Array(length).fill(1) }),
        },
      ];
    }),
  );
}
