/** @file The one place that imports tfjs; everybody else takes `tf` from here. */
import * as tf from '@tensorflow/tfjs';

tf.env().set('PROD', true);

export { tf };
export type Tensor = tf.Tensor;
