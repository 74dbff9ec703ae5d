/** @file The action inside traced functions, where each network of a batch has an element of its own. */
import { checkStacked } from '@weightspace/architecture';
import type { Architecture, ParameterSpec } from '@weightspace/architecture';
import { bindShapes, ndarray, tf } from '@weightspace/compute';
import type { NdArray, Tensor, Tensors } from '@weightspace/compute';

import type { GroupElement, SpaceElement } from './element.ts';
import { SymmetryError } from './symmetry-error.ts';

const parts = ['permutation', 'sign', 'shift', 'scale'] as const;
type Part = (typeof parts)[number];

/**
 * Elements of B networks as arrays with a batch axis, for `actTensors`.
 *
 * @returns `<space>.permutation` and, where any element has them, `<space>.sign`, `.shift` and `.scale`; shape `[B, n]`;
 *   permutations are int32, the others float32
 */
export function stackElements(elements: readonly GroupElement[]): Record<string, NdArray> {
  const spaces = [...new Set(elements.flatMap((g) => Object.keys(g)))];
  return Object.fromEntries(
    spaces.flatMap((space) => {
      const own = elements.map((g) => g[space]);
      const size = own.find((e) => e !== undefined)!.permutation.length;
      const wanted = parts.filter((part) => part === 'permutation' || own.some((e) => e?.[part]));
      return wanted.map((part) => [`${space}.${part}`, stackPart(own, part, size)] as const);
    }),
  );
}

function stackPart(elements: readonly (SpaceElement | undefined)[], part: Part, size: number): NdArray {
  const shape = [elements.length, size];
  const data = part === 'permutation' ? new Int32Array(sizeOfRows(shape)) : new Float32Array(sizeOfRows(shape));
  const standard = (i: number) => (part === 'permutation' ? i : part === 'shift' ? 0 : 1);
  elements.forEach((element, b) => {
    for (let i = 0; i < size; i++) data[b * size + i] = element?.[part]?.[i] ?? standard(i);
  });
  return ndarray(data as Float32Array, shape);
}

const sizeOfRows = ([rows, columns]: readonly number[]): number => rows! * columns!;

/**
 * `act` as a pure, traceable function, for random elements that are drawn outside.
 *
 * Letters: B networks, n neurons of a space.
 * @param element `<space>.permutation` (int32), `.sign` (±1), `.shift` (whole numbers) and `.scale` (above 0), float32; each
 *   `[B, n]`, any of them absent; values aren't checked
 * @param params by name; shape `[B, …shape]`
 * @returns shape `[B, …shape]`
 * @throws {SymmetryError} when an element is of no free space, or has a symmetry that its space hasn't
 * @throws {ParameterError | ShapeError} when shapes disagree
 */
export function actTensors(architecture: Architecture, element: Tensors, params: Tensors): Tensors {
  const batch = checkStacked('actTensors', architecture, params);
  checkNames(architecture, element, batch);
  return tf.tidy(() => {
    const factors = factorsOf(architecture, element);
    return Object.fromEntries(
      architecture.parameters.map((p) => [p.name, moved(architecture, p, params[p.name]!, element, factors)]),
    );
  });
}

interface Factors {
  /** By space: what a neuron's row and bias are multiplied by. */
  readonly pre: ReadonlyMap<string, Tensor>;
  /** By space: what its outgoing columns are multiplied by. */
  readonly outgoing: ReadonlyMap<string, Tensor>;
}

function factorsOf({ spaces }: Architecture, element: Tensors): Factors {
  const [pre, outgoing] = [new Map<string, Tensor>(), new Map<string, Tensor>()];
  const product = (list: (Tensor | undefined)[]) => {
    const present = list.filter((t) => t !== undefined);
    return present.length === 0 ? undefined : present.reduce((a, b) => tf.mul(a, b) as Tensor);
  };
  for (const { name } of spaces) {
    const [sign, shift, scale] = [element[`${name}.sign`], element[`${name}.shift`], element[`${name}.scale`]];
    const [row, column] = [
      product([sign, scale]),
      product([sign, shift && parity(shift), scale && tf.reciprocal(scale)]),
    ];
    if (row) pre.set(name, row);
    if (column) outgoing.set(name, column);
  }
  return { pre, outgoing };
}

/** (−1)ᵏ, also for negative k. */
const parity = (k: Tensor): Tensor => tf.sub(1, tf.mul(2, tf.sub(k, tf.mul(2, tf.floor(tf.mul(k, 0.5))))));

function moved(
  { spaces }: Architecture,
  { axes, roles, kind }: ParameterSpec,
  old: Tensor,
  element: Tensors,
  { pre, outgoing }: Factors,
): Tensor {
  let result = old;
  axes.forEach((space, axis) => {
    const order = element[`${space}.permutation`];
    if (order) result = gatherAxis(result, order, axis + 1);
  });
  axes.forEach((space, axis) => {
    const factor = roles[axis] === 'out' ? pre.get(space) : roles[axis] === 'in' ? outgoing.get(space) : undefined;
    if (factor) result = tf.mul(result, alongAxis(factor, result, axis + 1));
  });
  axes.forEach((space, axis) => {
    const shift = element[`${space}.shift`];
    if (!shift || kind !== 'bias' || roles[axis] !== 'out') return;
    const halfPeriod = spaces.find(({ name }) => name === space)!.symmetries.phase!;
    result = tf.add(result, alongAxis(tf.mul(shift, halfPeriod), result, axis + 1));
  });
  return result;
}

const alongAxis = (values_bn: Tensor, like: Tensor, axis: number): Tensor =>
  tf.reshape(
    values_bn,
    like.shape.map((size, i) => (i === 0 || i === axis ? size : 1)),
  );

/** y[b,…,i,…] = x[b,…,order[b,i],…]: rows are gathered, so another axis than the second changes places with it. */
function gatherAxis(x: Tensor, order_bn: Tensor, axis: number): Tensor {
  const indices = order_bn as tf.Tensor1D; // tfjs's type is narrower than what it takes.
  if (axis === 1) return tf.gather(x, indices, 1, 1);
  const swap = x.shape.map((_, i) => (i === 1 ? axis : i === axis ? 1 : i));
  return tf.transpose(tf.gather(tf.transpose(x, swap), indices, 1, 1), swap);
}

function checkNames({ spaces }: Architecture, element: Tensors, batch: number): void {
  for (const [key, { shape }] of Object.entries(element)) {
    const [name, part] = [key.slice(0, key.lastIndexOf('.')), key.slice(key.lastIndexOf('.') + 1)];
    const space = spaces.find((candidate) => candidate.name === name && candidate.free);
    const { sign, phase, scale } = space?.symmetries ?? {};
    const has: Record<Part, boolean> = {
      permutation: space !== undefined,
      sign: sign === true,
      shift: phase !== undefined,
      scale: scale === true,
    };
    if (!has[part as Part]) {
      const known = spaces.filter(({ free }) => free).map((candidate) => `'${candidate.name}'`);
      const message = `element must be of symmetries that the free spaces (${known.join(', ')}) have, got '${key}'`;
      throw new SymmetryError('actTensors', message);
    }
    bindShapes('actTensors', [[`element '${key}'`, shape, [batch, space!.size]]]);
  }
}
