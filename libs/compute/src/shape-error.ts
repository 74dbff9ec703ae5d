/** @file One vocabulary of shapes: every public function checks its arguments and complains through here. */

/** A fixed size, or a letter that must mean the same size wherever it is used. */
export type Dim = number | string;

/** A tensor doesn't have the shape that a public function documents. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
  /** The public function that checked. */
  readonly fn: string;
  readonly argument: string;
  /** Letters that were bound before are written with their size, `C=3`. */
  readonly expected: readonly Dim[];
  readonly actual: readonly number[];

  constructor(fn: string, argument: string, expected: readonly Dim[], actual: readonly number[], remedy?: string) {
    super(
      `${fn}: ${argument} must have shape ${show(expected)}, got ${show(actual)}${remedy === undefined ? '' : `; ${remedy}`}`,
    );
    this.fn = fn;
    this.argument = argument;
    this.expected = expected;
    this.actual = actual;
  }
}

/** What an argument is called, its shape, and the shape that it must have. */
export type ShapeRow = readonly [argument: string, actual: readonly number[], expected: readonly Dim[]];

/**
 * Checks shapes against letters and returns what the letters stand for.
 *
 *     const { B, N } = bindShapes('neuronMean', [['x', x.shape, ['B', 'N', 'C']], ['w', w.shape, ['C', 'C']]]);
 *
 * @param fn name of the public function that checks; the message begins with it
 * @param rows checked in order
 * @param remedy what the caller may do about it; the message ends with it
 * @returns the size of each letter
 * @throws {ShapeError} on the first row that disagrees
 */
export function bindShapes<const R extends readonly ShapeRow[]>(
  fn: string,
  rows: R,
  remedy?: string,
): Record<LettersOf<R>, number> {
  const sizes = new Map<string, number>();
  for (const [argument, actual, expected] of rows) {
    const shown = expected.map((dim) => (typeof dim === 'string' && sizes.has(dim) ? `${dim}=${sizes.get(dim)}` : dim));
    const fits =
      actual.length === expected.length &&
      expected.every((dim, axis) => actual[axis] === bind(sizes, dim, actual[axis]!));
    if (!fits) throw new ShapeError(fn, argument, shown, actual, remedy);
  }
  return Object.fromEntries(sizes) as Record<LettersOf<R>, number>;
}

/** The letters in the rows, where they are written as literals; else any string. */
type LettersOf<R extends readonly ShapeRow[]> = Extract<R[number][2][number], string>;

/** The size that a dimension must have; a letter's first use decides it. */
function bind(sizes: Map<string, number>, dim: Dim, size: number): number {
  if (typeof dim === 'number') return dim;
  const bound = sizes.get(dim) ?? size;
  sizes.set(dim, bound);
  return bound;
}

const show = (shape: readonly Dim[]): string => `[${shape.join(', ')}]`;
