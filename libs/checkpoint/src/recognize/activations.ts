/** @file Activations of networks that others trained, beside those that the architectures know already. */
import { activationKinds, registerActivation } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

const silu = (z: Tensor): Tensor => tf.mul(z, tf.sigmoid(z));

/** √(2/π) and 0.044715: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2. */
const geluTanh = (z: Tensor): Tensor => {
  const cube = tf.mul(tf.mul(z, z), z);
  const inner = tf.mul(tf.add(z, tf.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(z, 0.5), tf.add(tf.tanh(inner), 1));
};

const hardSigmoid = (slope: number) => (z: Tensor) => tf.clipByValue(tf.add(tf.mul(z, slope), 0.5), 0, 1);

/** None of them has a symmetry of sign, scale or phase. */
const more: { readonly [kind: string]: (z: Tensor) => Tensor } = {
  // An activation that isn't known. A function without symmetries stands in for it, so that what holds whatever it is can be
  // checked; what the network computes with it is not what it computed for its authors.
  unknown: silu,
  'gelu-tanh': geluTanh,
  'quick-gelu': (z) => tf.mul(z, tf.sigmoid(tf.mul(z, 1.702))),
  elu: (z) => tf.elu(z),
  selu: (z) => tf.selu(z),
  softplus: (z) => tf.softplus(z),
  mish: (z) => tf.mul(z, tf.tanh(tf.softplus(z))),
  relu6: (z) => tf.clipByValue(z, 0, 6),
  exponential: (z) => tf.exp(z),
  'hard-sigmoid': hardSigmoid(0.2),
  'hard-sigmoid-6': hardSigmoid(1 / 6),
  'hard-swish': (z) => tf.mul(z, hardSigmoid(1 / 6)(z)),
  // Not neuron by neuron, but it follows their order.
  softmax: (z) => tf.softmax(z),
};

/** Registers them once. */
export function registerMoreActivations(): void {
  const known = new Set(activationKinds());
  for (const [kind, apply] of Object.entries(more)) {
    if (!known.has(kind)) registerActivation({ kind, settings: {}, apply, odd: false, homogeneous: false });
  }
  if (!known.has('softsign')) {
    const apply = (z: Tensor): Tensor => tf.div(z, tf.add(tf.abs(z), 1));
    registerActivation({ kind: 'softsign', settings: {}, apply, odd: true, homogeneous: false });
  }
}
registerMoreActivations();
