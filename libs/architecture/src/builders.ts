/** @file Architectures that are used often. */
import { defineArchitecture } from './architecture.ts';
import { ARCHITECTURE_SCHEMA, ArchitectureError } from './spec.ts';
import type { ActivationSpec, Architecture } from './spec.ts';

export interface MlpOptions {
  /** Neurons per layer from input to output, e.g. `[2, 32, 32, 1]`. */
  readonly sizes: readonly number[];
  /** Between layers. */
  readonly activation: ActivationSpec;
  /** Of the output; identity when absent. */
  readonly outputActivation?: ActivationSpec;
  /** Added to the output. */
  readonly outputOffset?: number;
  readonly name?: string;
}

/**
 * A multi-layer perceptron; layers are called `layer1`, `layer2`, …
 *
 * @throws {ArchitectureError} when there are fewer than two sizes or one isn't a whole number above 0
 */
export function mlp(options: MlpOptions): Architecture {
  const { sizes, activation, outputActivation = { kind: 'identity' }, outputOffset = 0, name = 'mlp' } = options;
  if (sizes.length < 2 || !sizes.every((size) => Number.isInteger(size) && size > 0)) {
    throw new ArchitectureError('mlp', 'sizes', `must be two or more whole numbers above 0, got [${sizes.join(', ')}]`);
  }
  const last = sizes.length - 1;
  return defineArchitecture({
    schema: ARCHITECTURE_SCHEMA,
    name,
    inputs: [{ name: 'input', size: sizes[0]! }],
    layers: sizes.slice(1).map((size, i) => ({
      name: `layer${i + 1}`,
      kind: 'linear',
      inputs: [i === 0 ? 'input' : `layer${i}`],
      size,
      activation: i + 1 === last ? outputActivation : activation,
    })),
    output: `layer${last}`,
    outputOffset,
  });
}

export interface SirenOptions {
  readonly sizes: readonly number[];
  /** ω₀ of sin(ω₀(Wx + b)); 30 when absent. */
  readonly omega?: number;
  readonly outputOffset?: number;
}

/** A sinusoidal representation network; Sitzmann et al. 2020, arXiv:2006.09661. */
export const siren = ({ sizes, omega = 30, outputOffset = 0 }: SirenOptions): Architecture =>
  mlp({ sizes, activation: { kind: 'sine', omega }, outputOffset, name: 'siren' });
