/** @file What all measures of agreement ask of their two lists. */

/** @throws {RangeError} when the lists differ in length, are empty, or hold a value that isn't finite, naming it */
export function checkPairs(name: string, x: ArrayLike<number>, y: ArrayLike<number>): void {
  if (x.length !== y.length)
    throw new RangeError(`${name}: x and y must have equally many values, got ${x.length} and ${y.length}`);
  if (x.length === 0) throw new RangeError(`${name}: x and y must not be empty, got [] and []`);
  for (let i = 0; i < x.length; i++) {
    if (Number.isFinite(x[i]) && Number.isFinite(y[i])) continue;
    throw new RangeError(`${name}: x and y must be finite numbers, got ${x[i]} and ${y[i]} at ${i}`);
  }
}
