/** @file Data of some networks for copies of them. */
import { mapValues, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

/** All rows, `times` times, one block behind another. */
export const repeatedTensors = (batch: Tensors, times: number): Tensors =>
  times === 1 ? batch : mapValues(batch, (x): Tensor => tf.concat(Array<Tensor>(times).fill(x), 0));
