/** @file Comparison of arrays for tests. It throws, so any runner can use it. */
import type { NdArray } from '../nd-array.ts';
import type { Tensor } from '../tf.ts';
import { isTensor } from '../tree.ts';

export interface Tolerance {
  /** Allowed difference as a share of |expected|. */
  readonly rtol: number;
  /** Allowed difference besides. */
  readonly atol: number;
}

/** Values didn't match; `index` is the place of the worst one, by how far it is beyond its allowance. */
export class MismatchError extends Error {
  override readonly name = 'MismatchError';
  readonly index: readonly number[] | undefined;

  constructor(message: string, index?: readonly number[]) {
    super(message);
    this.index = index;
  }
}

/**
 * Asserts equal shapes, and |actual − expected| ≤ atol + rtol |expected| for every element.
 *
 * NaN matches nothing, not even NaN; an infinity matches itself.
 *
 * @returns the largest |actual − expected|, for the log
 * @throws {MismatchError} naming the worst index, both values and the allowance
 */
export function assertClose(actual: NdArray | Tensor, expected: NdArray | Tensor, { rtol, atol }: Tolerance): number {
  const { shape } = actual;
  if (shape.join() !== expected.shape.join()) {
    throw new MismatchError(`assertClose: shape must be [${expected.shape.join(', ')}], got [${shape.join(', ')}]`);
  }
  const [a, e] = [valuesOf(actual), valuesOf(expected)];
  let [worst, worstExcess, wrong, largest] = [-1, -1, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, e[i]!];
    if (x === y) continue;
    const difference = Math.abs(x - y);
    const allowed = atol + rtol * Math.abs(y);
    if (difference <= allowed && difference < Infinity) {
      largest = Math.max(largest, difference);
      continue;
    }
    wrong++;
    const excess = Number.isFinite(difference) ? difference - allowed : Infinity;
    if (excess > worstExcess) [worst, worstExcess] = [i, excess];
  }
  if (wrong === 0) return largest;
  const index = indexAt(worst, shape);
  const [x, y] = [a[worst]!, e[worst]!];
  throw new MismatchError(
    `assertClose: ${wrong} of ${a.length} values differ; worst at [${index.join(', ')}]: got ${x}, expected ${y}, ` +
      `difference ${Math.abs(x - y).toPrecision(3)}, allowed ${(atol + rtol * Math.abs(y)).toPrecision(3)} (rtol ${rtol}, atol ${atol})`,
    index,
  );
}

/** The numbers of an array or a tensor. */
const valuesOf = (array: NdArray | Tensor): ArrayLike<number> => (isTensor(array) ? array.dataSync() : array.data);

/** Position in each axis of the element number `flat`. */
function indexAt(flat: number, shape: readonly number[]): number[] {
  let rest = flat;
  return shape
    .toReversed()
    .map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    })
    .toReversed();
}
