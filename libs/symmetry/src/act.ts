/** @file What an element does to parameters: on arrays, in double precision. */
import { checkSingle, checkStacked } from '@weightspace/architecture';
import type { Architecture, ParameterSpec } from '@weightspace/architecture';
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import type { GroupElement } from './element.ts';
import { SymmetryError } from './symmetry-error.ts';

/**
 * The parameters of an equivalent network: the same function, another point of weight space.
 *
 *     W'[i,j] = pre[i] · W[p(i), q(j)] / post[j]        b'[i] = pre[i] · b[p(i)] + shift[i] · π/ω
 *     pre = sign · scale        post = sign · scale · (−1)^shift
 *
 * @param g one element, or, for stacked parameters, one for each network
 * @param params by name; `[…shape]` of one network, or `[N, …shape]`
 * @returns new arrays; computed in double precision and rounded once
 * @throws {SymmetryError} when an element doesn't fit the architecture, or has a symmetry that a space hasn't
 * @throws {ParameterError | ShapeError} when the parameters don't fit
 * Source: permutations Hecht-Nielsen 1990; phase: sin(z + kπ) = (−1)ᵏ sin z.
 */
export function act(architecture: Architecture, g: GroupElement | readonly GroupElement[], params: NdArrays): NdArrays {
  const [first] = architecture.parameters;
  const stacked = first !== undefined && params[first.name]?.shape.length === first.shape.length + 1;
  const count = stacked ? checkStacked('act', architecture, params) : 1;
  if (!stacked) checkSingle('act', architecture, params);
  const elements: readonly GroupElement[] = Array.isArray(g) ? g : [g as GroupElement];
  if (Array.isArray(g) && g.length !== count) {
    throw new SymmetryError('act', `g must hold one element per network, got ${g.length} for ${count}`);
  }
  elements.forEach((element) => checkElement('act', architecture, element));
  return Object.fromEntries(
    architecture.parameters.map((parameter) => {
      const moves = elements.map((element) => moveOf(architecture, parameter, element));
      const old = params[parameter.name] as NdArray<'float32'>;
      return [parameter.name, ndarray(moved(old.data, moves, count), old.shape)];
    }),
  );
}

/** Of one parameter: where each of its numbers comes from, its factor, and what is added. */
interface Move {
  readonly source: Int32Array;
  readonly factor: Float64Array;
  readonly added: Float64Array;
}

function moved(old: Float32Array, moves: readonly Move[], count: number): Float32Array {
  const result = new Float32Array(old.length);
  const size = count === 0 ? 0 : old.length / count;
  for (let n = 0; n < count; n++) {
    const { source, factor, added } = moves[moves.length === 1 ? 0 : n]!;
    const start = n * size;
    for (let i = 0; i < size; i++) result[start + i] = factor[i]! * old[start + source[i]!]! + added[i]!;
  }
  return result;
}

function moveOf(architecture: Architecture, parameter: ParameterSpec, g: GroupElement): Move {
  const { shape, axes, roles, kind } = parameter;
  const size = sizeOf(shape);
  const source = new Int32Array(size);
  const factor = new Float64Array(size).fill(1);
  const added = new Float64Array(size);
  let stride = size;
  shape.forEach((length, axis) => {
    stride /= length;
    const own = g[axes[axis]!];
    const halfPeriod = architecture.spaces.find(({ name }) => name === axes[axis])!.symmetries.phase ?? 0;
    for (let i = 0; i < size; i++) {
      const at = Math.floor(i / stride) % length;
      source[i]! += stride * (own?.permutation[at] ?? at);
      if (own === undefined || roles[axis] === 'index') continue;
      const pre = (own.sign?.[at] ?? 1) * (own.scale?.[at] ?? 1);
      const k = own.shift?.[at] ?? 0;
      if (roles[axis] === 'out') factor[i]! *= pre;
      else factor[i]! /= k % 2 === 0 ? pre : -pre;
      if (roles[axis] === 'out' && kind === 'bias') added[i]! += k * halfPeriod;
    }
  });
  return { source, factor, added };
}

/** @throws {SymmetryError} naming the space and what is wrong with it */
export function checkElement(fn: string, architecture: Architecture, g: GroupElement): void {
  for (const [name, { permutation, sign, shift, scale }] of Object.entries(g)) {
    const fail = (message: string): never => {
      throw new SymmetryError(fn, `element of space '${name}' ${message}`);
    };
    const space = architecture.spaces.find((candidate) => candidate.name === name);
    if (!space?.free) {
      const free = architecture.spaces.filter((candidate) => candidate.free).map((candidate) => candidate.name);
      return fail(`must be of a free space (${free.join(', ') || 'there is none'})`);
    }
    const seen = new Set(permutation);
    if (
      permutation.length !== space.size ||
      seen.size !== space.size ||
      permutation.some((i) => i < 0 || i >= space.size)
    ) {
      fail(`must have an order of its ${space.size} neurons, got [${permutation.join(', ')}]`);
    }
    const { symmetries, size } = space;
    const parts = [
      ['sign', sign, symmetries.sign, (s: number) => s === 1 || s === -1, '1 or −1'],
      ['shift', shift, symmetries.phase !== undefined, Number.isInteger, 'whole'],
      ['scale', scale, symmetries.scale, (c: number) => c > 0 && c < Infinity, 'above 0'],
    ] as const;
    for (const [part, values, has, fits, expected] of parts) {
      if (values === undefined) continue;
      if (!has) fail(`must not have '${part}', which isn't a symmetry of ${space.activation.kind}`);
      const wrong = values.findIndex((value: number) => !fits(value));
      if (values.length !== size) fail(`must have ${size} values of '${part}', got ${values.length}`);
      if (wrong >= 0) fail(`must have values of '${part}' that are ${expected}, got ${values[wrong]} at ${wrong}`);
    }
  }
}
