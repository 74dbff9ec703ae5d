/** The rate of update number `step`, which counts from 0. Pure, so that a resumed run needs nothing but the step. */
export type Schedule = (step: number) => number;

/** @throws {RangeError} unless `steps` is a whole number ≥ 1 */
export function checkSteps(fn: string, steps: number): void {
  if (!(Number.isInteger(steps) && steps >= 1))
    throw new RangeError(`${fn}: steps must be a whole number ≥ 1, got ${steps}`);
}

/** @throws {RangeError} unless `rate` is finite and not negative */
export function checkRate(fn: string, argument: string, rate: number): void {
  if (!(rate >= 0 && rate < Infinity))
    throw new RangeError(`${fn}: ${argument} must be a finite number ≥ 0, got ${rate}`);
}
