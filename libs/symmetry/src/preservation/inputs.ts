import type { Architecture } from '@weightspace/architecture';
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';

/**
 * Inputs to compare functions on: uniform in [−1, 1], or numbers of things (words) where an input has these.
 *
 * @returns by the input's name; shape `[points, …positions, size]`
 */
export function randomInputs({ spec }: Architecture, stream: RandomStream, points: number): NdArrays {
  const draw = (own: RandomStream, shape: readonly number[], indices: number | undefined): NdArray =>
    indices === undefined
      ? own.uniform(shape, -1, 1)
      : ndarray(
          Float32Array.from({ length: sizeOf(shape) }, () => own.integer(indices)),
          shape,
        );
  return Object.fromEntries(
    spec.inputs.map(({ name, size, positions = [], indices }) => [
      name,
      draw(stream.split(name), [points, ...positions, size], indices),
    ]),
  );
}
