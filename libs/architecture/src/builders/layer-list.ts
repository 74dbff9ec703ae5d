/** @file Layers of a builder, one after the other. */
import type { ActivationSpec } from '../activations/activation.ts';
import { architectureSchema } from '../architecture.ts';
import type { Architecture, InputSpec } from '../architecture.ts';
import { defineArchitecture } from '../define-architecture.ts';

export type ActivationOption = ActivationSpec | ActivationSpec['kind'];

/** Settings of a layer besides name, kind, inputs and output. */
export type Settings = { readonly [setting: string]: unknown };

/** Collects layers; each writes a value that is called like the layer, unless told otherwise. */
export class LayerList {
  readonly #layers: Settings[] = [];

  /** @param from the values that it reads @returns the name of the value that it writes */
  add(name: string, kind: string, from: string | readonly string[], settings: Settings = {}): string {
    const inputs = typeof from === 'string' ? [from] : from;
    this.#layers.push({ name, kind, inputs, ...settings });
    return (settings['output'] as string | undefined) ?? name;
  }

  define(name: string, input: InputSpec, output: string): Architecture {
    return defineArchitecture({ schema: architectureSchema, name, inputs: [input], layers: this.#layers, output });
  }
}
