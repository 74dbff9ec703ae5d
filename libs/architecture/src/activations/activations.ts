/** @file The activations and their symmetries. Beyond these, sigmoid has an affine one (σ(−z) = 1 − σ(z)) that isn't used. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { registerActivation } from './activation.ts';
import type { ActivationKind, ActivationSpec } from './activation.ts';

const plain = (
  kind: ActivationSpec['kind'],
  apply: (z: Tensor) => Tensor,
  symmetry: { odd?: boolean; homogeneous?: boolean } = {},
): ActivationKind => ({
  kind,
  settings: {},
  apply,
  odd: symmetry.odd ?? false,
  homogeneous: symmetry.homogeneous ?? false,
});

const sine: ActivationKind = {
  kind: 'sine',
  settings: { omega: 30 },
  refuses: ({ omega }) => (omega! > 0 ? undefined : ['omega', 'a number above 0']),
  gain: (spec) => (spec as { omega: number }).omega,
  apply: (z) => tf.sin(z),
  odd: true,
  homogeneous: false,
  halfPeriod: (spec) => Math.PI / (spec as { omega: number }).omega,
};

const leakyRelu: ActivationKind = {
  kind: 'leaky-relu',
  settings: { slope: 0.01 },
  refuses: ({ slope }) => (slope! >= 0 && slope! < 1 ? undefined : ['slope', 'a number in [0, 1)']),
  apply: (z, spec) => tf.leakyRelu(z, (spec as { slope: number }).slope),
  odd: false,
  homogeneous: true,
};

/** z Φ(z), with the exact Φ. */
const gelu = (z: Tensor): Tensor => tf.mul(tf.mul(z, 0.5), tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1));

const all: readonly ActivationKind[] = [
  plain('identity', (z) => z, { odd: true, homogeneous: true }),
  plain('relu', (z) => tf.relu(z), { homogeneous: true }),
  leakyRelu,
  plain('tanh', (z) => tf.tanh(z), { odd: true }),
  plain('sigmoid', (z) => tf.sigmoid(z)),
  plain('gelu', gelu),
  plain('silu', (z) => tf.mul(z, tf.sigmoid(z))),
  sine,
];
all.forEach(registerActivation);
