import { sizeOf } from '@weightspace/compute';
import type { OnnxArray } from '@weightspace/compute';

/** For each axis, whether the values differ anywhere along it. */
export function varyingAxes({ shape, data }: OnnxArray): boolean[] {
  const size = sizeOf(shape);
  let stride = size;
  return shape.map((length) => {
    stride /= length;
    if (length === 1) return false;
    for (let i = 0; i < size; i++) {
      // Every place is compared with the one before it along the axis. NaN differs from itself, which is on the safe side.
      if (Math.floor(i / stride) % length > 0 && data[i] !== data[i - stride]) return true;
    }
    return false;
  });
}
