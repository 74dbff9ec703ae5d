/** @file How parameters start: named recipes, so that a zoo file can record which one it used. */
import type { RandomStream } from '@weightspace/compute';

import type { ActivationSpec } from '../activations/activation.ts';
import { ArchitectureError } from '../architecture-error.ts';
import { Registry } from '../registry.ts';

/** What a recipe may ask about a parameter. */
export interface StartContext {
  readonly kind: 'weight' | 'bias';
  readonly fan: { readonly in: number; readonly out: number };
  readonly shape: readonly number[];
  /** Whether the layer reads the network's input. */
  readonly first: boolean;
  /** After the layer. */
  readonly activation: ActivationSpec;
  /** omega of the layer's own sine, else of the sine that it reads, else 1. */
  readonly omega: number;
}

export interface Initialization {
  readonly name: string;
  readonly source: string;
  /** Values of one parameter; draws all its numbers from `stream`. */
  readonly draw: (context: StartContext, stream: RandomStream) => Float32Array;
}

const registry = new Registry<Initialization>('initialization');

/** @throws when the name is taken */
export const registerInitialization = (recipe: Initialization): void => registry.register(recipe.name, recipe);
export const initializations = (): string[] => registry.names();

/** @throws {ArchitectureError} when there is no such recipe */
export function initialization(name: string): Initialization {
  const found = registry.get(name);
  if (found) return found;
  throw new ArchitectureError('initialize', 'init', `one of default, ${registry.names().join(', ')}`, name);
}
