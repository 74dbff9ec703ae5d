/** @file Small arrays updated together: an operation has a fixed cost, which for small arrays is most of it. */
import { sizeOf } from '../nd-array.ts';
import type { Tensors } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';

/** Numbers in an array from which its copying would cost more than its operations' fixed cost. */
const LARGE = 2 ** 13;

/**
 * Names of parameters, by what one update takes: small ones that differ in the size of the first axis alone, so that they
 * can be joined without a reshape.
 */
export function updateGroups(params: Tensors): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>();
  for (const [name, { shape, dtype }] of Object.entries(params)) {
    const size = sizeOf(shape);
    const joins = shape.length > 0 && size > 0 && size < LARGE;
    const key = joins ? `${dtype} ${shape.length} ${shape.slice(1).join()}` : `alone ${name}`;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups.values()];
}

/** One tensor of those under the names. */
export const joined = (tensors: Tensors, names: readonly string[], prefix = ''): Tensor =>
  names.length === 1
    ? tensors[prefix + names[0]!]!
    : tf.concat(
        names.map((name) => tensors[prefix + name]!),
        0,
      );

/** `joined` undone. @param like has the shapes under the names */
export function apart(joint: Tensor, names: readonly string[], like: Tensors): readonly Tensor[] {
  if (names.length === 1) return [joint];
  return tf.split(
    joint,
    names.map((name) => like[name]!.shape[0]!),
    0,
  );
}
