/** @file How well neurons of one network fit those of another one: products of all their numbers. */
import { compile, tf } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Tensor } from '@weightspace/compute';

import type { AxisRange, Layout, LeafSpace, ParameterLayout, Slot } from '../layout/layout.ts';

/** By pair of a neuron of the reference and one of the other network, numbered over all instances: `[total, total]`. */
export interface PairProducts {
  /** Of numbers that a neuron's sign changes. */
  readonly signed: Float64Array;
  readonly unsigned: Float64Array;
}

/** Products of matrices that are larger are left to ONNX Runtime. */
const LARGE = 1 << 22;

/** Rows of the one against rows of the other: `[n, k] · [n, k]ᵀ`. */
export class RowProducts {
  readonly #compiled: Compiled<[Tensor, Tensor], Tensor> = compile(
    (a: Tensor, b: Tensor) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true) as Tensor,
  );

  async of(a: NdArray, b: NdArray): Promise<ArrayLike<number>> {
    const [n, k] = a.shape as [number, number];
    if (n * n * k > LARGE) return (await this.#compiled(a, b)).data;
    const products = new Float64Array(n * n);
    for (let i = 0, at = 0; i < n; i++) {
      for (let j = 0; j < n; j++, at++) {
        let sum = 0;
        for (let c = 0; c < k; c++) sum += a.data[i * k + c]! * b.data[j * k + c]!;
        products[at] = sum;
      }
    }
    return products;
  }

  async release(): Promise<void> {
    await this.#compiled.release();
  }
}

/**
 * The products of all pairs of a leaf's neurons, over the numbers that they have a part in and no neuron within them has.
 *
 * Everything that isn't of the leaf or of what it is within is taken in the order that it has now.
 */
export async function pairProducts(
  layout: Layout,
  leaf: LeafSpace,
  reference: NdArrays,
  other: NdArrays,
  products: RowProducts,
): Promise<PairProducts> {
  const all = { signed: new Float64Array(leaf.total ** 2), unsigned: new Float64Array(leaf.total ** 2) };
  for (const parameter of layout.parameters) {
    for (const [i, range] of parameter.ranges.entries()) {
      for (const slot of range.slots.filter((own) => own.leaf === leaf)) {
        const columns = columnsOf(range, slot);
        if (columns === undefined) continue;
        const [a, b] = [reference, other].map((params) => neuronRows(parameter, i, slot, columns, params));
        const own = await products.of(a!, b!);
        const into = slot.role === 'index' ? all.unsigned : all.signed;
        for (let at = 0; at < into.length; at++) into[at]! += own[at]!;
      }
    }
  }
  return all;
}

interface Columns {
  /** By position in the range: −1 where the slot's leaf isn't, or isn't innermost. */
  readonly at: Int32Array;
  readonly count: number;
}

/** Positions that differ in nothing but the leaf and what it is within are in one column. */
function columnsOf({ size, slots }: AxisRange, slot: Slot): Columns | undefined {
  const ancestors = ancestorsOf(slot.leaf);
  const chain = slots.filter((own) => own === slot || ancestors.includes(own.leaf));
  const inner = slots.filter((own) => own.leaf.free && ancestorsOf(own.leaf).includes(slot.leaf));
  const numbers = new Map<number, number>();
  const at = new Int32Array(size).fill(-1);
  for (let x = 0; x < size; x++) {
    if (slot.neurons[x]! < 0 || inner.some(({ neurons }) => neurons[x]! >= 0)) continue;
    let start = x;
    for (const { leaf, neurons, strides } of chain) {
      if (neurons[x]! >= 0) start -= strides[x]! * (neurons[x]! % leaf.size);
    }
    if (!numbers.has(start)) numbers.set(start, numbers.size);
    at[x] = numbers.get(start)!;
  }
  return numbers.size === 0 ? undefined : { at, count: numbers.size };
}

function ancestorsOf({ parent }: LeafSpace): LeafSpace[] {
  return parent === undefined ? [] : [parent, ...ancestorsOf(parent)];
}

/** Each neuron's numbers as a row: `[total, columns · all other axes]`. */
function neuronRows(
  { parameter, ranges }: ParameterLayout,
  index: number,
  { leaf, neurons }: Slot,
  { at, count }: Columns,
  params: NdArrays,
): NdArray {
  const { data } = params[parameter.name]!;
  const inner = ranges.slice(index + 1).reduce((n, { size }) => n * size, 1);
  const outer = ranges.slice(0, index).reduce((n, { size }) => n * size, 1);
  const { size } = ranges[index]!;
  const width = count * outer * inner;
  const rows = new Float32Array(leaf.total * width);
  for (let x = 0; x < size; x++) {
    if (at[x]! < 0) continue;
    let to = neurons[x]! * width + at[x]! * outer * inner;
    for (let o = 0; o < outer; o++) {
      const from = (o * size + x) * inner;
      for (let i = 0; i < inner; i++) rows[to++] = data[from + i]!;
    }
  }
  return { dtype: 'float32', shape: [leaf.total, width], data: rows };
}
