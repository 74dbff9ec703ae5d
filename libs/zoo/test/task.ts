/** @file A task of the tests, which workers run too. */
import { initialize, siren } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import type { ZooRows } from '@weightspace/zoo';

export interface TaskInput {
  readonly first: number;
  readonly count: number;
  readonly sizes?: readonly number[];
}

export function makeRows({ first, count, sizes = [2, 3, 1] }: TaskInput): ZooRows {
  const parameters = initialize(siren({ sizes }), RandomStream.fromSeed(7), { count, first });
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  return {
    parameters,
    target: {
      label: ndarray(
        Int32Array.from(numbers, (i) => i % 3),
        [count],
      ),
    },
    fit: {
      psnr: ndarray(
        numbers.map((i) => 30 + i),
        [count],
      ),
    },
    split: Uint8Array.from(numbers, (i) => (i % 3 === 2 ? 2 : 0)),
  };
}

/** A target that only the networks 2-4-1 have. */
export function makeRowsWithMore(input: TaskInput): ZooRows {
  const rows = makeRows(input);
  if (input.sizes?.[1] !== 4) return rows;
  return { ...rows, target: { ...rows.target, more: rows.fit['psnr']! } };
}

/** A target that has another type in the networks 2-4-1. */
export function makeRowsOfOtherTypes(input: TaskInput): ZooRows {
  const rows = makeRows(input);
  const more = input.sizes?.[1] === 4 ? ndarray(new Int32Array(input.count), [input.count, 1]) : rows.fit['psnr']!;
  return { ...rows, target: { ...rows.target, more } };
}
