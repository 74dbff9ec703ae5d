/** @file The action inside traced functions, where each network of a batch has an element of its own. */
import { checkStacked } from '@weightspace/architecture';
import type { LabelledNetwork } from '@weightspace/architecture';
import { bindShapes, ndarray, tf } from '@weightspace/compute';
import type { NdArray, Tensor, Tensors } from '@weightspace/compute';

import type { GroupElement, SpaceElement } from './element.ts';
import { layoutOf } from './layout/layout.ts';
import type { AxisRange, ParameterLayout, Slot } from './layout/layout.ts';
import { SymmetryError } from './symmetry-error.ts';

const parts = ['permutation', 'sign', 'shift', 'scale'] as const;
type Part = (typeof parts)[number];

/**
 * Elements of B networks as arrays with a batch axis, for `actTensors`.
 *
 * @param network needed where a space within another one is named by some of the elements only
 * @returns `<space>.permutation` and, where any element has them, `<space>.sign`, `.shift` and `.scale`; shape `[B, n]`,
 *   with all instances of a space in one row; permutations are int32, the others float32
 */
export function stackElements(elements: readonly GroupElement[], network?: LabelledNetwork): Record<string, NdArray> {
  const spaces = [...new Set(elements.flatMap((g) => Object.keys(g)))];
  return Object.fromEntries(
    spaces.flatMap((space) => {
      const own = elements.map((g) => g[space]);
      const length = own.find((e) => e !== undefined)!.permutation.length;
      const size = (network && layoutOf(network).leaves.get(space)?.size) ?? length;
      const wanted = parts.filter((part) => part === 'permutation' || own.some((e) => e?.[part]));
      return wanted.map((part) => [`${space}.${part}`, stackPart(own, part, length, size)] as const);
    }),
  );
}

function stackPart(elements: readonly (SpaceElement | undefined)[], part: Part, length: number, size: number): NdArray {
  const shape = [elements.length, length];
  const data = new (part === 'permutation' ? Int32Array : Float32Array)(elements.length * length);
  const standard = (i: number) => (part === 'permutation' ? i % size : part === 'shift' ? 0 : 1);
  elements.forEach((element, b) => {
    for (let i = 0; i < length; i++) data[b * length + i] = element?.[part]?.[i] ?? standard(i);
  });
  return ndarray(data as Float32Array, shape);
}

/**
 * `act` as a pure, traceable function, for random elements that are drawn outside.
 *
 * Letters: B networks, n neurons of a space (of all its instances).
 * @param element `<space>.permutation` (int32), `.sign` (±1), `.shift` (whole numbers) and `.scale` (above 0), float32; each
 *   `[B, n]`, any of them absent; values aren't checked
 * @param params by name; shape `[B, …shape]`
 * @returns shape `[B, …shape]`
 * @throws {SymmetryError} when an element is of no free space, or has a symmetry that its space hasn't
 * @throws {ParameterError | ShapeError} when shapes disagree
 */
export function actTensors(network: LabelledNetwork, element: Tensors, params: Tensors): Tensors {
  const batch = checkStacked('actTensors', network, params);
  checkNames(network, element, batch);
  return tf.tidy(() => {
    const factors = factorsOf(network, element);
    return Object.fromEntries(
      layoutOf(network).parameters.map((layout) => {
        const { name } = layout.parameter;
        return [name, moved(layout, params[name]!, element, factors)];
      }),
    );
  });
}

interface Factors {
  /** By space: what a neuron's row and bias are multiplied by. */
  readonly pre: ReadonlyMap<string, Tensor>;
  /** By space: what its outgoing columns are multiplied by. */
  readonly outgoing: ReadonlyMap<string, Tensor>;
}

function factorsOf({ spaces }: LabelledNetwork, element: Tensors): Factors {
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

/** Ranges of axes are gathered first; factors and shifts belong to the new neurons. */
function moved(
  { parameter: { kind }, ranges }: ParameterLayout,
  old: Tensor,
  element: Tensors,
  { pre, outgoing }: Factors,
): Tensor {
  const flat = tf.reshape(old, [old.shape[0]!, ...ranges.map(({ size }) => size)]);
  let result = flat;
  ranges.forEach((range, i) => {
    const order = orderOf(range, element);
    if (order) result = gatherAxis(result, order, i + 1);
  });
  const each = (change: (slot: Slot, axis: number) => void) =>
    ranges.forEach(({ slots }, i) => slots.forEach((slot) => change(slot, i + 1)));
  each((slot, axis) => {
    const { leaf, role } = slot;
    const factor = role === 'out' ? pre.get(leaf.name) : role === 'in' ? outgoing.get(leaf.name) : undefined;
    if (factor) result = tf.mul(result, alongAxis(atPositions(factor, slot, 1), result, axis));
  });
  each((slot, axis) => {
    const shift = element[`${slot.leaf.name}.shift`];
    if (!shift || kind !== 'bias' || slot.role !== 'out') return;
    const halfPeriod = slot.leaf.space.symmetries.phase!;
    result = tf.add(result, alongAxis(tf.mul(atPositions(shift, slot, 0), halfPeriod), result, axis));
  });
  return tf.reshape(result, old.shape);
}

/** Where each position of a range comes from, `[B, size]`; undefined where nothing moves. */
function orderOf({ size, slots }: AxisRange, element: Tensors): Tensor | undefined {
  const moving = slots.filter(({ leaf }) => element[`${leaf.name}.permutation`]);
  const [first] = moving;
  if (first === undefined) return undefined;
  if (moving.length === 1 && inOrder(first)) return element[`${first.leaf.name}.permutation`];
  const base = Int32Array.from({ length: size }, (_, x) => x);
  const steps = moving.map((slot) => {
    const { leaf, neurons, strides } = slot;
    neurons.forEach((q, x) => (base[x]! -= q < 0 ? 0 : strides[x]! * (q % leaf.size)));
    const places = atPositions(element[`${leaf.name}.permutation`]!, slot, 0);
    return tf.mul(places, tf.tensor2d(strides, [1, size], 'int32'));
  });
  return steps.reduce((sum, step) => tf.add(sum, step) as Tensor, tf.tensor2d(base, [1, size], 'int32') as Tensor);
}

/** Whether a slot's positions are its neurons, one after another. */
const inOrder = ({ leaf, neurons }: Slot): boolean =>
  neurons.length === leaf.total && leaf.instances === 1 && neurons.every((q, x) => q === x);

/** Numbers of neurons at the positions where these stand, `[B, size]`, and `elsewhere` where another segment does. */
function atPositions(values_bn: Tensor, { leaf, neurons }: Slot, elsewhere: number): Tensor {
  if (neurons.length === leaf.total && neurons.every((q, x) => q === x)) return values_bn;
  const absent = neurons.includes(-1);
  const { dtype } = values_bn;
  const pad = () => tf.fill([values_bn.shape[0]!, 1], elsewhere, dtype as 'int32');
  const source = absent ? tf.concat([values_bn, pad()], 1) : values_bn;
  const at = tf.tensor1d(
    neurons.map((q) => (q < 0 ? leaf.total : q)),
    'int32',
  );
  return tf.gather(source, at, 1);
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

function checkNames(network: LabelledNetwork, element: Tensors, batch: number): void {
  const { leaves } = layoutOf(network);
  for (const [key, { shape }] of Object.entries(element)) {
    const [name, part] = [key.slice(0, key.lastIndexOf('.')), key.slice(key.lastIndexOf('.') + 1)];
    const leaf = leaves.get(name);
    const { sign, phase, scale } = leaf?.space.symmetries ?? {};
    const has: Record<Part, boolean> = {
      permutation: true,
      sign: sign === true,
      shift: phase !== undefined,
      scale: scale === true,
    };
    if (!leaf?.free || !has[part as Part]) {
      const known = [...leaves.values()].filter(({ free }) => free).map((candidate) => `'${candidate.name}'`);
      const message = `element must be of symmetries that the free spaces (${known.join(', ')}) have, got '${key}'`;
      throw new SymmetryError('actTensors', message);
    }
    bindShapes('actTensors', [[`element '${key}'`, shape, [batch, leaf.total]]]);
  }
}
