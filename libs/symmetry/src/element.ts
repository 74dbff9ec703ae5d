/** @file Elements of a symmetry group. */
import type { LabelledNetwork } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';

import { instancesOf } from './group.ts';
import type { SpaceGroup, SymmetryGroup } from './group.ts';
import { layoutOf } from './layout/layout.ts';
import type { LeafSpace } from './layout/layout.ts';
import { SymmetryError } from './symmetry-error.ts';

/**
 * What happens to the neurons of one space; what is absent is the identity.
 *
 * The new neuron i is the old neuron `permutation[i]`, with its row and bias times `sign[i]` · `scale[i]`, its bias then
 * moved by `shift[i]` half periods, and its outgoing columns divided by the factor that its value has got.
 *
 * A space of n neurons within another one has an order for each of that one's neurons, one after another: the new neuron
 * i of the new instance p is the neuron `permutation[p·n + i]` (0 … n−1) of the old instance that p was. The other
 * arrays have the same length.
 */
export interface SpaceElement {
  readonly permutation: Int32Array;
  /** ±1. */
  readonly sign?: Int8Array;
  /** Whole numbers k: the phase is shifted by k π. */
  readonly shift?: Int32Array;
  /** Above 0. */
  readonly scale?: Float32Array;
}

/** By space; a space that is absent keeps its order, inside of the instances of what it is within. */
export interface GroupElement {
  readonly [space: string]: SpaceElement;
}

export interface RandomElementOptions {
  /** Least and largest k of a phase shift; −4 and 3 unless said otherwise. */
  readonly shifts?: readonly [number, number];
  /** Least and largest scale, uniform in the logarithm; ½ and 2 unless said otherwise. */
  readonly scales?: readonly [number, number];
}

const orderOf = (space: SpaceGroup): Int32Array =>
  Int32Array.from({ length: space.size * instancesOf(space) }, (_, i) => i % space.size);

/** The element that changes nothing. */
export const identityElement = (group: SymmetryGroup): GroupElement =>
  Object.fromEntries(group.spaces.map((space) => [space.name, { permutation: orderOf(space) }]));

/** Each neuron's choice is independent and uniform; goes on with `stream`, so that two calls give two elements. */
export function randomElement(
  group: SymmetryGroup,
  stream: RandomStream,
  options: RandomElementOptions = {},
): GroupElement {
  const { shifts = [-4, 3], scales = [0.5, 2] } = options;
  const [low, high] = scales.map(Math.log) as [number, number];
  const draw = (space: SpaceGroup): SpaceElement => {
    const { size, kinds } = space;
    const length = size * instancesOf(space);
    return {
      permutation: kinds.includes('permutation') ? randomOrders(space, stream) : orderOf(space),
      ...(kinds.includes('sign') && { sign: Int8Array.from({ length }, () => (stream.integer(2) === 0 ? -1 : 1)) }),
      ...(kinds.includes('phase') && {
        shift: Int32Array.from({ length }, () => shifts[0] + stream.integer(shifts[1] - shifts[0] + 1)),
      }),
      ...(kinds.includes('scale') && {
        scale: Float32Array.from({ length }, () => Math.exp(low + (high - low) * stream.next())),
      }),
    };
  };
  return Object.fromEntries(group.spaces.map((space) => [space.name, draw(space)]));
}

function randomOrders(space: SpaceGroup, stream: RandomStream): Int32Array {
  const orders = new Int32Array(space.size * instancesOf(space));
  for (let start = 0; start < orders.length; start += space.size) orders.set(stream.permutation(space.size), start);
  return orders;
}

/**
 * Elements to test a map on: random ones, and for each space that permutes the swap of its first two neurons.
 *
 * The swaps are odd: a map that respects even permutations alone is found out on every run.
 */
export function testElements(group: SymmetryGroup, stream: RandomStream, random = 3): GroupElement[] {
  const swaps = group.spaces
    .filter(({ kinds }) => kinds.includes('permutation'))
    .map((space): GroupElement => {
      const permutation = orderOf(space);
      [permutation[0], permutation[1]] = [1, 0];
      return { [space.name]: { permutation } };
    });
  return [...Array.from({ length: random }, () => randomElement(group, stream)), ...swaps];
}

/**
 * g after h: acts as g on what h gives.
 *
 * @param network needed where a space is within another one
 * @throws {SymmetryError} when their sizes differ, or the network is needed and absent
 */
export function compose(g: GroupElement, h: GroupElement, network?: LabelledNetwork): GroupElement {
  const spaces = spacesOf('compose', network, h, g);
  return Object.fromEntries(
    spaces.flatMap((space) => {
      const [own, other] = [g[space.name], h[space.name]];
      if (own && other && own.permutation.length !== other.permutation.length) {
        const sizes = `${own.permutation.length} and ${other.permutation.length}`;
        const message = `elements must be of one group, got ${sizes} neurons of space '${space.name}'`;
        throw new SymmetryError('compose', message);
      }
      return own || other ? [[space.name, composeSpace(flatOrder(space, g), own, other)]] : [];
    }),
  );
}

/** @param from the old neuron (of all instances) that g takes for each new one */
function composeSpace(from: Int32Array, g?: SpaceElement, h?: SpaceElement): SpaceElement {
  const n = from.length;
  const size = sizeOfOrders(g ?? h!);
  const sign = (i: number) => g?.sign?.[i] ?? 1;
  const shift = (i: number) => sign(i) * (h?.shift?.[from[i]!] ?? 0) + (g?.shift?.[i] ?? 0) || 0;
  return {
    permutation: Int32Array.from(from, (old) => h?.permutation[old] ?? old % size),
    ...((g?.sign ?? h?.sign) && { sign: Int8Array.from(from, (old, i) => sign(i) * (h?.sign?.[old] ?? 1)) }),
    ...((g?.shift ?? h?.shift) && { shift: Int32Array.from({ length: n }, (_, i) => shift(i)) }),
    ...((g?.scale ?? h?.scale) && {
      scale: Float32Array.from(from, (old, i) => (g?.scale?.[i] ?? 1) * (h?.scale?.[old] ?? 1)),
    }),
  };
}

/** Neurons that one order is for: orders hold each number from 0. */
function sizeOfOrders({ permutation }: SpaceElement): number {
  let largest = 0;
  for (const i of permutation) largest = Math.max(largest, i);
  return largest + 1;
}

/**
 * The element that undoes g.
 *
 * @param network needed where a space is within another one
 * @throws {SymmetryError} when the network is needed and absent
 */
export const inverse = (g: GroupElement, network?: LabelledNetwork): GroupElement =>
  Object.fromEntries(
    spacesOf('inverse', network, g).flatMap((space) => {
      const order = flatOrder(space, g);
      const own = g[space.name];
      return own ? [[space.name, inverseSpace(order, own)]] : [];
    }),
  );

function inverseSpace(order: Int32Array, element: SpaceElement): SpaceElement {
  const { sign, shift, scale } = element;
  const size = sizeOfOrders(element);
  const back = new Int32Array(order.length);
  order.forEach((from, i) => (back[from] = i));
  return {
    permutation: back.map((i) => i % size),
    ...(sign && { sign: Int8Array.from(back, (i) => sign[i]!) }),
    ...(shift && { shift: Int32Array.from(back, (i) => -(sign?.[i] ?? 1) * shift[i]! || 0) }),
    ...(scale && { scale: Float32Array.from(back, (i) => 1 / scale[i]!) }),
  };
}

/** Whether g changes nothing. */
export const isIdentity = (g: GroupElement): boolean =>
  Object.values(g).every((element) => {
    const { permutation, sign, shift, scale } = element;
    const size = sizeOfOrders(element);
    return (
      permutation.every((from, i) => from === i % size) &&
      (sign?.every((s) => s === 1) ?? true) &&
      (shift?.every((k) => k === 0) ?? true) &&
      (scale?.every((c) => c === 1) ?? true)
    );
  });

type SpaceShape = Pick<LeafSpace, 'name' | 'size' | 'total'> & { readonly parent: SpaceShape | undefined };

/** The spaces that elements speak of, with what they are within. */
function spacesOf(fn: string, network: LabelledNetwork | undefined, ...elements: GroupElement[]): SpaceShape[] {
  const names = [...new Set(elements.flatMap(Object.keys))];
  if (network) {
    const { leaves } = layoutOf(network);
    return names.map((name) => leaves.get(name) ?? unknownSpace(fn, network, name));
  }
  return names.map((name) => {
    const element = elements.find((g) => g[name])![name]!;
    const [size, total] = [sizeOfOrders(element), element.permutation.length];
    if (size !== total) {
      const message = `space '${name}' is within another one (${total} numbers in orders of ${size}); give the network, too`;
      throw new SymmetryError(fn, message);
    }
    return { name, size, total, parent: undefined };
  });
}

function unknownSpace(fn: string, { name, spaces }: LabelledNetwork, got: string): never {
  const known = spaces.map((space) => `'${space.name}'`).join(', ');
  throw new SymmetryError(fn, `element must be of spaces of ${name} (${known}), got '${got}'`);
}

/** The old neuron, numbered over all instances, that each new one was. */
export function flatOrder({ name, size, total, parent }: SpaceShape, g: GroupElement): Int32Array {
  const order = new Int32Array(total);
  const own = g[name]?.permutation;
  const outer = parent && flatOrder(parent, g);
  for (let p = 0, q = 0; q < total; p++) {
    const start = (outer?.[p] ?? p) * size;
    for (let i = 0; i < size; i++, q++) order[q] = start + (own?.[q] ?? i);
  }
  return order;
}
