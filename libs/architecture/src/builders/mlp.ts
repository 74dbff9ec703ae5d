import type { ActivationSpec } from '../activations/activation.ts';
import { ArchitectureError } from '../architecture-error.ts';
import { architectureSchema } from '../architecture.ts';
import type { Architecture } from '../architecture.ts';
import { defineArchitecture } from '../define-architecture.ts';

export interface MlpOptions {
  /** Neurons from input to output, e.g. [2, 32, 32, 1]; at least two. */
  readonly sizes: readonly number[];
  /** After every layer but the last. */
  readonly activation?: ActivationSpec | ActivationSpec['kind'];
  readonly outputActivation?: ActivationSpec | ActivationSpec['kind'];
  readonly bias?: boolean;
  /** Added to the output. */
  readonly outputOffset?: number;
  readonly name?: string;
}

/**
 * A multilayer perceptron.
 *
 * Layers are `layer1`, `layer2`, …; spaces are `x` (input), `h1`, `h2`, … (free) and `y` (output).
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 */
export function mlp(options: MlpOptions): Architecture {
  const { sizes, activation = 'relu', outputActivation = 'identity', bias = true, outputOffset = 0 } = options;
  if (sizes.length < 2) throw new ArchitectureError('mlp', 'sizes', 'a list of at least two sizes', sizes);
  const last = sizes.length - 1;
  const kind = typeof activation === 'string' ? activation : activation.kind;
  const value = (i: number) => (i === 0 ? 'x' : i === last ? 'y' : `h${i}`);
  return defineArchitecture({
    schema: architectureSchema,
    name: options.name ?? `${kind} mlp ${sizes.join('-')}`,
    inputs: [{ name: 'x', size: sizes[0] }],
    layers: sizes.slice(1).map((size, i) => ({
      name: `layer${i + 1}`,
      kind: 'linear',
      inputs: [value(i)],
      output: value(i + 1),
      size,
      bias,
      activation: i + 1 === last ? outputActivation : activation,
    })),
    output: 'y',
    outputOffset,
  });
}

export interface SirenOptions {
  /** Neurons from coordinates to values, e.g. [2, 32, 32, 1]; at least two. */
  readonly sizes: readonly number[];
  /** Hidden layers compute sin(omega · (W x + b)); the last is linear. 30 unless said otherwise. */
  readonly omega?: number;
  /** Added to the output: 0.5 in the DWS zoo. */
  readonly outputOffset?: number;
  readonly name?: string;
}

/**
 * An MLP with sine activations, as implicit neural representations use.
 *
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: Sitzmann et al. 2020, "Implicit Neural Representations with Periodic Activation Functions", arXiv:2006.09661.
 * Departs: nothing.
 */
export const siren = ({ sizes, omega = 30, outputOffset = 0, name }: SirenOptions): Architecture =>
  mlp({
    sizes,
    activation: { kind: 'sine', omega },
    outputOffset,
    name: name ?? `siren ${sizes.join('-')}`,
  });
