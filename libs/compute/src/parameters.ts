/** @file Parameter records: nested as a model thinks of them, flat as files and optimizers do. */
import { sizeOf } from './nd-array.ts';
import type { NdArray, NdArrays } from './nd-array.ts';
import { ShapeError } from './shape-error.ts';
import { isNdArray, isTensor } from './tree.ts';
import type { Tree } from './tree.ts';
import type { Tensor } from './tf.ts';

/** Names of parameters don't fit. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError';
  readonly fn: string;
  /** The name, or place in the tree, that is wrong. */
  readonly parameter: string;

  constructor(fn: string, parameter: string, message: string) {
    super(`${fn}: ${message}`);
    this.fn = fn;
    this.parameter = parameter;
  }
}

type Leaf = NdArray | Tensor;
const isLeaf = (value: unknown): value is Leaf => isTensor(value) || isNdArray(value);

/**
 * A nested tree as one flat record, in the tree's order: `{ body: [{ weight }] }` becomes `{ 'body.0.weight' }`.
 *
 * @param tree lists and records of arrays; of tensors, where `T` says so
 * @throws {ParameterError} where a key is empty or contains '.', or a value is neither leaf, list nor record
 */
export function flatten<T extends Leaf = NdArray>(tree: object): Record<string, T> {
  const flat: [string, T][] = [];
  const walk = (node: unknown, path: string): void => {
    if (isLeaf(node)) {
      flat.push([path, node as T]);
      return;
    }
    if (typeof node !== 'object' || node === null) {
      throw new ParameterError(
        'flatten',
        path,
        `'${path}' must be an array, a tensor, a list or a record of them, got ${String(node)}`,
      );
    }
    for (const [key, child] of Object.entries(node)) {
      if (key === '' || key.includes('.')) {
        throw new ParameterError(
          'flatten',
          key,
          `key '${key}' below '${path}' must not be empty or contain '.'; rename it`,
        );
      }
      walk(child, path === '' ? key : `${path}.${key}`);
    }
  };
  if (isLeaf(tree)) throw new ParameterError('flatten', '', 'tree must be a list or a record, got a single array');
  walk(tree, '');
  return Object.fromEntries(flat);
}

/**
 * The tree whose `flatten` is the record. Keys 0, 1, …, n−1 on one level become a list.
 *
 * @throws {ParameterError} where one name is the beginning of another, e.g. 'a' and 'a.b', or a part of a name is empty
 */
export function unflatten<T extends Leaf>(flat: { readonly [name: string]: T }): Tree<T> {
  const root = new Map<string, unknown>();
  for (const [name, value] of Object.entries(flat)) {
    const keys = name.split('.');
    if (keys.includes('')) throw new ParameterError('unflatten', name, `'${name}' must not have an empty part`);
    let node = root;
    keys.forEach((key, depth) => {
      const last = depth === keys.length - 1;
      if (!node.has(key)) node.set(key, last ? value : new Map());
      else if (last || !(node.get(key) instanceof Map)) {
        const taken = keys.slice(0, depth + 1).join('.');
        throw new ParameterError(
          'unflatten',
          name,
          `'${name}' must not be both an array and a group, got another name for '${taken}'`,
        );
      }
      node = node.get(key) as Map<string, unknown>;
    });
  }
  return toTree(root) as Tree<T>;
}

function toTree(node: unknown): unknown {
  if (!(node instanceof Map)) return node;
  const keys = [...(node as Map<string, unknown>).keys()];
  const values = [...(node as Map<string, unknown>).values()].map(toTree);
  const isList = keys.length > 0 && keys.every((key) => /^(0|[1-9]\d*)$/.test(key) && Number(key) < keys.length);
  if (!isList) return Object.fromEntries(keys.map((key, i) => [key, values[i]]));
  const list: unknown[] = [];
  keys.forEach((key, i) => (list[Number(key)] = values[i]));
  return list;
}

/** How many numbers the record holds. */
export const countParameters = (record: { readonly [name: string]: { readonly shape: readonly number[] } }): number =>
  Object.values(record).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Whether names, order of names aside, dtypes, shapes and every bit of the values are the same; so NaN equals itself, and 0 isn't −0. */
export function sameBits(a: NdArrays, b: NdArrays): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameArray(a[name]!, b[name]!))
  );
}

const sameArray = (a: NdArray, b: NdArray): boolean =>
  a.dtype === b.dtype && a.shape.join() === b.shape.join() && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
const bytesOf = ({ data }: NdArray): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** The first value that is NaN or infinite, for a message; undefined where all are finite. */
export function findNonFinite(
  record: NdArrays,
): { readonly name: string; readonly index: number; readonly value: number } | undefined {
  for (const [name, { data }] of Object.entries(record)) {
    for (let index = 0; index < data.length; index++) {
      const value = data[index]!;
      if (!Number.isFinite(value)) return { name, index, value };
    }
  }
  return undefined;
}

type Shaped = { readonly [name: string]: { readonly shape: readonly number[] } };

/**
 * Checks that `record` has exactly the names and shapes of `params`.
 *
 * @throws {ParameterError} on a name that only one of them has
 * @throws {ShapeError} on the first shape that differs
 */
export function checkSameParameters(fn: string, argument: string, record: Shaped, params: Shaped): void {
  for (const [name, { shape }] of Object.entries(params)) {
    const other = Object.hasOwn(record, name) ? record[name] : undefined;
    if (!other) {
      const has = Object.keys(record).join(', ') || 'nothing';
      throw new ParameterError(fn, name, `${argument} must have '${name}', as params do, got ${has}`);
    }
    if (other.shape.join() !== shape.join()) throw new ShapeError(fn, `${argument} '${name}'`, shape, other.shape);
  }
  const extra = Object.keys(record).find((name) => !Object.hasOwn(params, name));
  if (extra !== undefined) {
    throw new ParameterError(
      fn,
      extra,
      `${argument} must have only the names of params (${Object.keys(params).join(', ')}), got '${extra}'`,
    );
  }
}
