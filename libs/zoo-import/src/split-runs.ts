/** @file Which part each run belongs to. */
import { RandomStream } from '@weightspace/compute';

/** Shares of runs for training, validation and testing. */
export interface Shares {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/**
 * A random part for each run, of which all its checkpoints are.
 *
 * @returns 0 train, 1 validation, 2 test; depends on the seed and the number of runs
 * @throws {RangeError} when the shares aren't numbers ≥ 0 with a sum above 0
 */
export function splitRuns(count: number, seed: number, { train, validation, test }: Shares): Uint8Array {
  const shares = [train, validation, test];
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (!shares.every((share) => share >= 0) || !(total > 0) || !Number.isFinite(total))
    throw new RangeError(`splitRuns: shares must be numbers ≥ 0 with a sum above 0, got ${shares.join(', ')}`);
  const order = RandomStream.fromSeed(seed).split('parts of runs').permutation(count);
  const parts = new Uint8Array(count);
  const [first, second] = [Math.round((count * train) / total), Math.round((count * (train + validation)) / total)];
  order.forEach((run, place) => (parts[run] = place < first ? 0 : place < second ? 1 : 2));
  return parts;
}
