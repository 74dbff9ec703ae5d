/** @file Values that gradients take for constants. */
import { tf } from './tf.ts';

/**
 * What f gives, without a gradient with respect to anything: for choices, such as an order, whose gradient is 0 or none.
 *
 * tfjs demands a gradient of every tensor between a parameter and a loss, also of whole numbers that index others.
 *
 * @param f may be traced
 */
export function withoutGradient<T>(f: () => T): T {
  const { state } = tf.engine();
  const depth = state.gradientDepth;
  state.gradientDepth = 0;
  try {
    return f();
  } finally {
    state.gradientDepth = depth;
  }
}
