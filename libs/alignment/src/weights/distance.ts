import type { ParameterSpec } from '@weightspace/architecture';
import type { NdArrays } from '@weightspace/compute';

/** Squared Euclidean distance, over the parameters of the second or over those that are given. */
export function squaredDistance(a: NdArrays, b: NdArrays, over?: readonly ParameterSpec[]): number {
  let sum = 0;
  for (const name of over?.map((parameter) => parameter.name) ?? Object.keys(b)) {
    const [x, y] = [a[name]!.data, b[name]!.data];
    for (let i = 0; i < y.length; i++) {
      const gap = x[i]! - y[i]!;
      sum += gap * gap;
    }
  }
  return sum;
}

export function squaredNorm(params: NdArrays): number {
  let sum = 0;
  for (const { data } of Object.values(params)) for (const x of data) sum += x * x;
  return sum;
}
