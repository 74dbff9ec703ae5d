/** @file The graph that tracing writes: values, nodes, and the rules that keep it small while it grows. */
import type { DType, NdArray } from '../nd-array.ts';
import { sizeOf } from '../nd-array.ts';

/** What ONNX has and tfjs hasn't: 64-bit integers, for shapes and axes. */
export type ValueType = DType | 'int64';
export type Attribute =
  number | string | readonly number[] | { readonly float: number } | { readonly floats: readonly number[] };
export type Attributes = { readonly [name: string]: Attribute };

export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ValueType;
  /** The node that makes it; none for inputs and constants. */
  readonly node: Node | undefined;
  /** Its elements, where they are known while tracing. */
  readonly constant: Constant | undefined;
}

/** One number for all elements, or every element. */
export type Constant =
  { readonly uniform: number } | { readonly elements: Float32Array | Int32Array | Uint8Array | BigInt64Array };

export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
}

export interface OutputSpec {
  readonly shape: readonly number[];
  readonly type: ValueType;
}

/** Collects nodes; equal nodes on equal inputs, and equal constants, become one. */
export class Graph {
  readonly inputs: Value[] = [];
  readonly nodes: Node[] = [];
  readonly #known = new Map<string, Node>();
  readonly #constants = new Map<string, Value>();
  #count = 0;

  input(name: string, shape: readonly number[], type: DType): Value {
    const value: Value = { name, shape, type, node: undefined, constant: undefined };
    this.inputs.push(value);
    return value;
  }

  /** Adds a node with one output. */
  add(op: string, inputs: readonly Value[], output: OutputSpec, attributes: Attributes = {}, domain = ''): Value {
    return this.addMany(op, inputs, [output], attributes, domain)[0]!;
  }

  addMany(
    op: string,
    inputs: readonly Value[],
    outputs: readonly OutputSpec[],
    attributes: Attributes = {},
    domain = '',
  ): readonly Value[] {
    const key = `${domain}:${op}(${inputs.map((v) => v.name).join()})${JSON.stringify(attributes)}>${outputs.map((o) => `${o.type}[${o.shape.join()}]`).join()}`;
    const known = this.#known.get(key);
    if (known) return known.outputs;
    const made: Value[] = [];
    const node: Node = { op, domain, inputs, attributes, outputs: made };
    for (const { shape, type } of outputs) {
      made.push({ name: `v${this.#count++}`, shape, type, node, constant: undefined });
    }
    this.nodes.push(node);
    this.#known.set(key, node);
    return made;
  }

  /** A tensor whose elements are all `value`; never written out in full. */
  uniform(value: number, shape: readonly number[], type: DType): Value {
    return this.#constant(`u${type}[${shape.join()}]${Object.is(value, -0) ? '-0' : value}`, shape, type, {
      uniform: value,
    });
  }

  constant(array: NdArray): Value {
    const { data, shape, dtype } = array;
    const first = data[0];
    if (first !== undefined && data.every((x) => Object.is(x, first))) return this.uniform(first, shape, dtype);
    return this.#constant(`c${dtype}[${shape.join()}]${contentKey(data)}`, shape, dtype, { elements: data.slice() });
  }

  /** A list of 64-bit integers, as ONNX wants shapes, axes and indices. */
  integers(values: readonly number[]): Value {
    const elements = BigInt64Array.from(values, BigInt);
    return this.#constant(`i64:${values.join()}`, [values.length], 'int64', { elements });
  }

  #constant(key: string, shape: readonly number[], type: ValueType, constant: Constant): Value {
    const known = this.#constants.get(key);
    if (known) return known;
    const value: Value = { name: `c${this.#count++}`, shape, type, node: undefined, constant };
    this.#constants.set(key, value);
    return value;
  }

  /** The nodes that `outputs` need, in an order in which they can run. */
  live(outputs: readonly Value[]): Node[] {
    const needed = new Set<Node>();
    const pending = outputs.flatMap((value) => (value.node ? [value.node] : []));
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (needed.has(node)) continue;
      needed.add(node);
      for (const { node: maker } of node.inputs) if (maker) pending.push(maker);
    }
    return this.nodes.filter((node) => needed.has(node));
  }
}

/** Short arrays by their bytes, long ones by a hash and a sample, so that equal constants are found without much work. */
function contentKey(data: Float32Array | Int32Array | Uint8Array): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length <= 256) return bytes.toString('base64');
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x85ebca6b) + 0x27d4eb2f;
  }
  return `${bytes.length}:${a >>> 0}:${b >>> 0}`;
}

export const isUniform = (value: Value, number?: number): boolean =>
  value.constant !== undefined &&
  'uniform' in value.constant &&
  (number === undefined || value.constant.uniform === number);

export const uniformOf = (value: Value): number | undefined =>
  value.constant && 'uniform' in value.constant ? value.constant.uniform : undefined;

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** Shape of an elementwise operation on `a` and `b`. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [p, q] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (p !== q && p !== 1 && q !== 1)
      throw new RangeError(`compile: shapes [${a.join(', ')}] and [${b.join(', ')}] don't broadcast`);
    return p === 1 ? q : p;
  });
}

/** Strips a broadcast: the value with as few elements as still give `value` by broadcasting. */
export function unexpanded(value: Value): Value {
  return value.node?.op === 'Expand' ? unexpanded(value.node.inputs[0]!) : value;
}

/** All elements of a constant, written out. */
export function elementsOf(value: Value): Float32Array | Int32Array | Uint8Array | BigInt64Array {
  const { constant } = value;
  if (!constant) throw new Error(`internal: ${value.name} isn't a constant`);
  if ('elements' in constant) return constant.elements;
  const size = sizeOf(value.shape);
  if (value.type === 'int32') return new Int32Array(size).fill(constant.uniform);
  if (value.type === 'bool') return new Uint8Array(size).fill(constant.uniform);
  return new Float32Array(size).fill(constant.uniform);
}
