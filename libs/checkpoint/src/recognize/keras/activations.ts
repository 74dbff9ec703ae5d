/** @file Keras's names of activations. */
import '../activations.ts';
import { isRecord } from './keras-config.ts';
import type { LayerReading } from './keras-layer.ts';

/** What an architecture calls it; a kind, or a kind with settings. */
export type Activation = string | { readonly kind: string; readonly [setting: string]: unknown };

const names: { readonly [name: string]: Activation } = {
  linear: 'identity',
  relu: 'relu',
  relu6: 'relu6',
  leaky_relu: { kind: 'leaky-relu', slope: 0.2 },
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  hard_sigmoid: 'hard-sigmoid',
  hardSigmoid: 'hard-sigmoid',
  elu: 'elu',
  selu: 'selu',
  softplus: 'softplus',
  softsign: 'softsign',
  exponential: 'exponential',
  gelu: 'gelu',
  mish: 'mish',
  silu: 'silu',
  swish: 'silu',
  softmax: 'softmax',
};

/** The activation under a key of a layer's configuration. @throws {RecognitionError} when it isn't known */
export function activationOf(at: LayerReading, key = 'activation', standard = 'linear'): Activation {
  const value = at.config[key] ?? standard;
  const name = isRecord(value) && isRecord(value['config']) ? value['config']['name'] : value;
  if (typeof name === 'string' && Object.hasOwn(names, name)) return names[name]!;
  return at.fail(key, `one of ${Object.keys(names).join(', ')}`, value);
}
