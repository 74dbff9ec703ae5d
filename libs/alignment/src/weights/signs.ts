import type { NdArrays } from '@weightspace/compute';
import type { LeafSpace, ParameterLayout } from '@weightspace/symmetry';

/** The sign of each neuron with which its numbers fit the reference best, in the order that there is. */
export function signsOf(
  leaf: LeafSpace,
  parameters: readonly ParameterLayout[],
  reference: NdArrays,
  params: NdArrays,
): Int8Array {
  const sums = new Float64Array(leaf.total);
  for (const { parameter, ranges } of parameters) {
    const [a, b] = [reference[parameter.name]!.data, params[parameter.name]!.data];
    let stride = a.length;
    for (const { size, slots } of ranges) {
      stride /= size;
      for (const { neurons } of slots.filter((slot) => slot.leaf === leaf && slot.role !== 'index')) {
        for (let at = 0; at < a.length; at++) {
          const q = neurons[Math.floor(at / stride) % size]!;
          if (q >= 0) sums[q]! += a[at]! * b[at]!;
        }
      }
    }
  }
  return Int8Array.from(sums, (sum) => (sum < 0 ? -1 : 1));
}
