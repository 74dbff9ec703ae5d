/** @file What is applied to a neuron's pre-activation, and which exact symmetries follow from it. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { finite, knownKeys, record } from '../checks.ts';
import { Registry } from '../registry.ts';

export type ActivationSpec =
  | { readonly kind: 'identity' | 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'silu' }
  /** z where z > 0, else slope · z. */
  | { readonly kind: 'leaky-relu'; readonly slope: number }
  /** sin(omega · z). */
  | { readonly kind: 'sine'; readonly omega: number };

/**
 * A function that is applied to every neuron on its own: `apply(gain · z)`.
 *
 * The gain stands apart so that a layer can fold it into its parameters, which are smaller than its output.
 */
export interface ActivationKind {
  readonly kind: string;
  /** Settings and their defaults; all are numbers. */
  readonly settings: { readonly [name: string]: number };
  /** Says what a setting must be, where a value is refused. */
  readonly refuses?: (settings: {
    readonly [name: string]: number;
  }) => readonly [name: string, expected: string] | undefined;
  readonly gain?: (spec: ActivationSpec) => number;
  readonly apply: (z: Tensor, spec: ActivationSpec) => Tensor;
  /** f(−z) = −f(z). */
  readonly odd: boolean;
  /** f(c z) = c f(z) for c > 0. */
  readonly homogeneous: boolean;
  /** The shift δ with f(z + k δ) = (−1)ᵏ f(z) for whole k. */
  readonly halfPeriod?: (spec: ActivationSpec) => number;
}

const registry = new Registry<ActivationKind>('activation');

/** @throws when the kind is taken */
export const registerActivation = (kind: ActivationKind): void => registry.register(kind.kind, kind);
export const activationKinds = (): string[] => registry.names();

/** @throws {ArchitectureError} when there is no such kind */
export function activationKind(kind: string, place = 'activation.kind'): ActivationKind {
  const found = registry.get(kind);
  if (found) return found;
  throw new ArchitectureError('activationKind', place, `one of ${registry.names().join(', ')}`, kind);
}

/**
 * An activation with all its settings, from a kind's name or a record.
 *
 * @throws {ArchitectureError} on an unknown kind, setting or value
 */
export function parseActivation(value: unknown, place = 'activation'): ActivationSpec {
  const given = typeof value === 'string' ? { kind: value } : record(place, value);
  const { kind, ...settings } = given as { kind: unknown; [setting: string]: unknown };
  const found = activationKind(String(kind), `${place}.kind`);
  knownKeys(place, given, ['kind', ...Object.keys(found.settings)]);
  const numbers = Object.fromEntries(
    Object.entries(found.settings).map(([name, standard]) => [
      name,
      finite(`${place}.${name}`, settings[name] ?? standard),
    ]),
  );
  const refused = found.refuses?.(numbers);
  if (refused) {
    throw new ArchitectureError('defineArchitecture', `${place}.${refused[0]}`, refused[1], numbers[refused[0]]);
  }
  return { kind: found.kind, ...numbers } as ActivationSpec;
}

/** What pre-activations are multiplied by before `apply`: omega for a sine, else 1. */
export const activationGain = (spec: ActivationSpec): number => activationKind(spec.kind).gain?.(spec) ?? 1;

/** The activation of z, element by element; traceable. */
export function activate(z: Tensor, spec: ActivationSpec): Tensor {
  const gain = activationGain(spec);
  return activateScaled(gain === 1 ? z : tf.mul(z, gain), spec);
}

/** The activation of z, given gain · z. */
export const activateScaled = (scaled: Tensor, spec: ActivationSpec): Tensor =>
  activationKind(spec.kind).apply(scaled, spec);
