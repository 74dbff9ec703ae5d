/** @file Elements of a symmetry group. */
import type { RandomStream } from '@weightspace/compute';

import type { SpaceGroup, SymmetryGroup } from './group.ts';
import { SymmetryError } from './symmetry-error.ts';

/**
 * What happens to the neurons of one space; what is absent is the identity.
 *
 * The new neuron i is the old neuron `permutation[i]`, with its row and bias times `sign[i]` · `scale[i]`, its bias then
 * moved by `shift[i]` half periods, and its outgoing columns divided by the factor that its value has got.
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

/** By space; a space that is absent stays as it is. */
export interface GroupElement {
  readonly [space: string]: SpaceElement;
}

export interface RandomElementOptions {
  /** Least and largest k of a phase shift; −4 and 3 unless said otherwise. */
  readonly shifts?: readonly [number, number];
  /** Least and largest scale, uniform in the logarithm; ½ and 2 unless said otherwise. */
  readonly scales?: readonly [number, number];
}

const orderOf = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

/** The element that changes nothing. */
export const identityElement = (group: SymmetryGroup): GroupElement =>
  Object.fromEntries(group.spaces.map(({ name, size }) => [name, { permutation: orderOf(size) }]));

/** Each neuron's choice is independent and uniform; goes on with `stream`, so that two calls give two elements. */
export function randomElement(
  group: SymmetryGroup,
  stream: RandomStream,
  options: RandomElementOptions = {},
): GroupElement {
  const { shifts = [-4, 3], scales = [0.5, 2] } = options;
  const [low, high] = scales.map(Math.log) as [number, number];
  const draw = ({ size, kinds }: SpaceGroup): SpaceElement => ({
    permutation: kinds.includes('permutation') ? stream.permutation(size) : orderOf(size),
    ...(kinds.includes('sign') && { sign: Int8Array.from({ length: size }, () => (stream.integer(2) === 0 ? -1 : 1)) }),
    ...(kinds.includes('phase') && {
      shift: Int32Array.from({ length: size }, () => shifts[0] + stream.integer(shifts[1] - shifts[0] + 1)),
    }),
    ...(kinds.includes('scale') && {
      scale: Float32Array.from({ length: size }, () => Math.exp(low + (high - low) * stream.next())),
    }),
  });
  return Object.fromEntries(group.spaces.map((space) => [space.name, draw(space)]));
}

/**
 * Elements to test a map on: random ones, and for each space that permutes the swap of its first two neurons.
 *
 * The swaps are odd: a map that respects even permutations alone is found out on every run.
 */
export function testElements(group: SymmetryGroup, stream: RandomStream, random = 3): GroupElement[] {
  const swaps = group.spaces
    .filter(({ kinds }) => kinds.includes('permutation'))
    .map(({ name, size }): GroupElement => {
      const permutation = orderOf(size);
      [permutation[0], permutation[1]] = [1, 0];
      return { [name]: { permutation } };
    });
  return [...Array.from({ length: random }, () => randomElement(group, stream)), ...swaps];
}

/**
 * g after h: acts as g on what h gives.
 *
 * @throws {SymmetryError} when their sizes differ
 */
export function compose(g: GroupElement, h: GroupElement): GroupElement {
  const spaces = [...new Set([...Object.keys(h), ...Object.keys(g)])];
  return Object.fromEntries(spaces.map((space) => [space, composeSpace(space, g[space], h[space])]));
}

function composeSpace(space: string, g?: SpaceElement, h?: SpaceElement): SpaceElement {
  if (g === undefined || h === undefined) return (g ?? h)!;
  const n = g.permutation.length;
  if (h.permutation.length !== n) {
    const message = `elements must be of one group, got ${n} and ${h.permutation.length} neurons of space '${space}'`;
    throw new SymmetryError('compose', message);
  }
  const from = (i: number) => g.permutation[i]!;
  const sign = (i: number) => g.sign?.[i] ?? 1;
  return {
    permutation: g.permutation.map((i) => h.permutation[i]!),
    ...((g.sign ?? h.sign) && { sign: Int8Array.from({ length: n }, (_, i) => sign(i) * (h.sign?.[from(i)] ?? 1)) }),
    ...((g.shift ?? h.shift) && {
      shift: Int32Array.from({ length: n }, (_, i) => sign(i) * (h.shift?.[from(i)] ?? 0) + (g.shift?.[i] ?? 0)),
    }),
    ...((g.scale ?? h.scale) && {
      scale: Float32Array.from({ length: n }, (_, i) => (g.scale?.[i] ?? 1) * (h.scale?.[from(i)] ?? 1)),
    }),
  };
}

/** The element that undoes g. */
export const inverse = (g: GroupElement): GroupElement =>
  Object.fromEntries(Object.entries(g).map(([space, element]) => [space, inverseSpace(element)]));

function inverseSpace({ permutation, sign, shift, scale }: SpaceElement): SpaceElement {
  const n = permutation.length;
  const back = new Int32Array(n);
  permutation.forEach((from, i) => (back[from] = i));
  return {
    permutation: back,
    ...(sign && { sign: Int8Array.from(back, (i) => sign[i]!) }),
    ...(shift && { shift: Int32Array.from(back, (i) => -(sign?.[i] ?? 1) * shift[i]! || 0) }),
    ...(scale && { scale: Float32Array.from(back, (i) => 1 / scale[i]!) }),
  };
}

/** Whether g changes nothing. */
export const isIdentity = (g: GroupElement): boolean =>
  Object.values(g).every(
    ({ permutation, sign, shift, scale }) =>
      permutation.every((from, i) => from === i) &&
      (sign?.every((s) => s === 1) ?? true) &&
      (shift?.every((k) => k === 0) ?? true) &&
      (scale?.every((c) => c === 1) ?? true),
  );
