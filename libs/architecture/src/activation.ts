/** @file Activations: how each computes, and which exact symmetries it has. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { ArchitectureError } from './spec.ts';
import type { ActivationSpec } from './spec.ts';

/**
 * Exact symmetries of σ beyond permutation.
 *
 * `sign`: σ(−z) = −σ(z). `scale`: σ(c z) = c σ(z) for c > 0. `phase`: sin(z + kπ) = (−1)ᵏ sin z.
 */
export type ActivationSymmetry = 'sign' | 'scale' | 'phase';

export interface Activation {
  readonly kind: string;
  readonly symmetries: readonly ActivationSymmetry[];
  readonly apply: (z: Tensor, spec: ActivationSpec) => Tensor;
}

const table: readonly Activation[] = [
  { kind: 'identity', symmetries: [], apply: (z) => z },
  { kind: 'relu', symmetries: ['scale'], apply: (z) => tf.relu(z) },
  { kind: 'leaky-relu', symmetries: ['scale'], apply: (z, { slope = 0.01 }) => tf.leakyRelu(z, slope) },
  { kind: 'tanh', symmetries: ['sign'], apply: (z) => tf.tanh(z) },
  { kind: 'sigmoid', symmetries: [], apply: (z) => tf.sigmoid(z) },
  { kind: 'gelu', symmetries: [], apply: gelu },
  { kind: 'silu', symmetries: [], apply: (z) => tf.mul(z, tf.sigmoid(z)) },
  {
    kind: 'sine',
    symmetries: ['sign', 'phase'],
    apply: (z, { omega = 1 }) => tf.sin(omega === 1 ? z : tf.mul(z, omega)),
  },
];

/** z Φ(z), with the normal distribution's Φ; Hendrycks and Gimpel 2016, arXiv:1606.08415. */
function gelu(z: Tensor): Tensor {
  return tf.mul(tf.mul(z, 0.5), tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1));
}

const registry = new Map(table.map((activation) => [activation.kind, activation]));

export const activationKinds = (): string[] => [...registry.keys()];

/** @throws {RangeError} when the kind is taken */
export function registerActivation(activation: Activation): void {
  if (registry.has(activation.kind))
    throw new RangeError(`registerActivation: kind '${activation.kind}' is registered already`);
  registry.set(activation.kind, activation);
}

/** @throws {ArchitectureError} when no activation has this kind */
export function activationOf(spec: ActivationSpec): Activation {
  const found = registry.get(spec.kind);
  if (found) return found;
  throw new ArchitectureError(
    'activationOf',
    'kind',
    `must be one of ${activationKinds().join(', ')}, got '${spec.kind}'`,
  );
}

export const activate = (z: Tensor, spec: ActivationSpec): Tensor => activationOf(spec).apply(z, spec);

export const describeActivation = ({ kind, omega, slope }: ActivationSpec): string =>
  kind + (omega !== undefined ? `(${omega})` : slope !== undefined ? `(${slope})` : '');
