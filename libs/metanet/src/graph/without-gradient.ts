import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

/** `f(...inputs)`, to which no gradient flows: for what cancels, as the maximum in a softmax does. */
export function withoutGradient(f: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
  const fixed = tf.customGrad((...given) => ({
    value: f(...(given.slice(0, inputs.length) as Tensor[])),
    gradFunc: () => inputs.map((x) => tf.zeros(x.shape)),
  }));
  return fixed(...inputs);
}
