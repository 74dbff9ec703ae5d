/** @file Arguments and results of functions: arrays nested in lists and records. */
import type { NdArray } from './nd-array.ts';
import { tf } from './tf.ts';
import type { Tensor } from './tf.ts';

export type Tree<T> = T | readonly Tree<T>[] | { readonly [key: string]: Tree<T> };

/** The same nesting with arrays in place of tensors: what a compiled function takes and gives. */
export type Outside<T> = T extends Tensor ? NdArray : T extends object ? { readonly [K in keyof T]: Outside<T[K]> } : T;

export interface Leaf<T> {
  /** Where it stands, e.g. `0.params.layer1.weight`. */
  readonly path: string;
  readonly value: T;
}

const isRecord = (tree: unknown): tree is Record<string, unknown> => typeof tree === 'object' && tree !== null;

export const isNdArray = (value: unknown): value is NdArray =>
  isRecord(value) &&
  ArrayBuffer.isView(value['data']) &&
  Array.isArray(value['shape']) &&
  typeof value['dtype'] === 'string';

export const isTensor = (value: unknown): value is Tensor => value instanceof tf.Tensor;

/** Thrown where something is neither a leaf, a list nor a plain record. */
export class LeafError extends TypeError {
  readonly path: string;

  constructor(path: string, value: unknown) {
    super(
      `${path === '' ? 'the value' : path} must be an array, a tensor, a list or a record of them, got ${String(value)}`,
    );
    this.path = path;
  }
}

/**
 * The leaves in order of their keys' insertion.
 *
 * @throws {LeafError} where something is neither a leaf, a list nor a plain record; names the place
 */
export function leaves<T>(tree: unknown, isLeaf: (value: unknown) => value is T, path = ''): Leaf<T>[] {
  if (isLeaf(tree)) return [{ path, value: tree }];
  if (tree === undefined || tree === null) return [];
  const deeper = (key: string) => (path === '' ? key : `${path}.${key}`);
  if (Array.isArray(tree)) return tree.flatMap((item, i) => leaves(item, isLeaf, deeper(String(i))));
  if (isRecord(tree) && Object.getPrototypeOf(tree) === Object.prototype) {
    return Object.entries(tree).flatMap(([key, item]) => leaves(item, isLeaf, deeper(key)));
  }
  throw new LeafError(path, tree);
}

/** Where lists and records without members are: they hold no leaf, but a function can tell them from nothing. */
export function emptyPlaces(tree: unknown, isLeaf: (value: unknown) => boolean, path = ''): string[] {
  if (typeof tree !== 'object' || tree === null || isLeaf(tree)) return [];
  const members = Object.entries(tree);
  return members.length === 0 ? [path] : members.flatMap(([key, item]) => emptyPlaces(item, isLeaf, `${path}.${key}`));
}

/** The same nesting with every leaf replaced, in the order of `leaves`. */
export function mapTree<T>(
  tree: unknown,
  isLeaf: (value: unknown) => value is T,
  f: (leaf: T, path: string) => unknown,
  path = '',
): unknown {
  if (isLeaf(tree)) return f(tree, path);
  if (tree === undefined || tree === null) return tree;
  const deeper = (key: string) => (path === '' ? key : `${path}.${key}`);
  if (Array.isArray(tree)) return tree.map((item, i) => mapTree(item, isLeaf, f, deeper(String(i))));
  return Object.fromEntries(
    Object.entries(tree as object).map(([key, item]) => [key, mapTree(item, isLeaf, f, deeper(key))]),
  );
}
