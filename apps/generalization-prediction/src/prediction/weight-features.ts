/** @file A few numbers of a network's weights that mean the same for every architecture. */
import type { Architecture } from '@weightspace/architecture';
import { sizeOf } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

export const featureNames = [
  'mean of the weights by their root mean square',
  'log10 of the root mean square of the weights',
  'log10 of the largest weight by the root mean square',
  'log10 of the root mean square of the first layer',
  'log10 of the root mean square of the last layer',
  'log10 of the root mean square of biases and other vectors',
  'log10 of the largest bias or other vector entry',
  'mean of biases and other vectors',
] as const;

/** So that all zeros are far away in place of infinitely far. */
const LEAST = 1e-8;

/**
 * Features of each network, in the order of `featureNames`.
 *
 * @param weights `[N, …shape]`
 * Symmetry: invariant to every permutation of the entries of a parameter.
 */
export function weightFeatures({ parameters }: Architecture, weights: NdArrays): number[][] {
  const count = weights[parameters[0]!.name]!.shape[0]!;
  const matrices = parameters.filter(({ shape }) => shape.length > 1).map(({ name }) => name);
  const vectors = parameters.filter(({ shape }) => shape.length <= 1).map(({ name }) => name);
  const sizes = new Map(parameters.map(({ name, shape }) => [name, sizeOf(shape)]));
  return Array.from({ length: count }, (_, n) => {
    const of = (names: readonly string[]) =>
      momentsOf(
        names.map((name) => {
          const size = sizes.get(name)!;
          return (weights[name]!.data as Float32Array).subarray(n * size, (n + 1) * size);
        }),
      );
    const [all, others] = [of(matrices), of(vectors)];
    return [
      all.mean / (all.rms + LEAST),
      log10(all.rms),
      log10(all.largest / (all.rms + LEAST)),
      log10(of(matrices.slice(0, 1)).rms),
      log10(of(matrices.slice(-1)).rms),
      log10(others.rms),
      log10(others.largest),
      others.mean,
    ];
  });
}

const log10 = (x: number): number => Math.log10(x + LEAST);

function momentsOf(parts: readonly Float32Array[]): {
  readonly mean: number;
  readonly rms: number;
  readonly largest: number;
} {
  let [count, sum, squares, largest] = [0, 0, 0, 0];
  for (const part of parts) {
    for (const x of part) {
      sum += x;
      squares += x * x;
      largest = Math.max(largest, Math.abs(x));
    }
    count += part.length;
  }
  return count === 0
    ? { mean: 0, rms: 0, largest: 0 }
    : { mean: sum / count, rms: Math.sqrt(squares / count), largest };
}
