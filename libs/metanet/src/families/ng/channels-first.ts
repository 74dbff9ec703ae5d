/** @file Layer normalization and GELU of large tensors, in few passes and with gradients in few passes. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

type Save = (saved: Tensor[]) => void;
const EPSILON = 1e-5;

/**
 * Layer normalization over channels that are the first axis after the batch.
 *
 *     x̂ = (x − mean) / √(variance + 10⁻⁵),   y = gain ⊙ x̂ + shift
 *
 * @param x_bcp shape `[B, C, P]` @param gain_c, shift_c shape `[C]`
 * Source: Ba et al. 2016, "Layer Normalization", arXiv:1607.06450, eq. 3–4. Departs: nothing.
 */
export function layerNormFirst(x_bcp: Tensor, gain_c: Tensor, shift_c: Tensor): Tensor {
  const C = x_bcp.shape[1]!;
  const column = (x: Tensor): Tensor => tf.reshape(x, [1, C, 1]);
  return tf.add(tf.mul(standardized(x_bcp), column(gain_c)), column(shift_c));
}

/** Its gradient is that of what is centred and scaled, r (dy − mean(dy) − x̂ mean(dy ⊙ x̂)), from x̂ and r alone. */
function standardized(x: Tensor): Tensor {
  const f = tf.customGrad((...given) => {
    const [value, save] = given as unknown as [Tensor, Save];
    const centred = tf.sub(value, tf.mean(value, 1, true)) as Tensor;
    const scale = tf.rsqrt(tf.add(tf.mean(tf.mul(centred, centred), 1, true), EPSILON)) as Tensor;
    const normal = tf.mul(centred, scale) as Tensor;
    save([normal, scale]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [y, r] = saved as [Tensor, Tensor];
      const along = tf.mul(y, tf.mean(tf.mul(dy, y), 1, true));
      return tf.mul(tf.sub(tf.sub(dy, tf.mean(dy, 1, true)), along), r);
    };
    return { value: normal, gradFunc };
  });
  return f(x);
}

/**
 * √2 · GELU(√2 · x) = x · (1 + erf x): a GELU whose factors are taken into the linear maps before it (their weights over √2)
 * and after it (theirs over √2 too), which saves two passes.
 *
 * Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415, section 2. Departs: nothing.
 */
export function scaledGelu(x: Tensor): Tensor {
  const f = tf.customGrad((...given) => {
    const [value, save] = given as unknown as [Tensor, Save];
    const share = tf.add(tf.erf(value), 1) as Tensor;
    save([value, share]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [x0, phi] = saved as [Tensor, Tensor];
      const density = tf.exp(tf.sub(LOG_DENSITY, tf.mul(x0, x0)));
      return tf.mul(dy, tf.add(phi, tf.mul(x0, density)));
    };
    return { value: tf.mul(value, share) as Tensor, gradFunc };
  });
  return f(x);
}

/** Of 2/√π e^{−x²}, the slope of erf. */
const LOG_DENSITY = Math.log(2 / Math.sqrt(Math.PI));
/** What the weights before `scaledGelu`, and those after it, are multiplied by. */
export const GELU_FACTOR = Math.SQRT1_2;
