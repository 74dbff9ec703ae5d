import type { Architecture } from '../architecture.ts';
import { ArchitectureError } from '../architecture-error.ts';
import { LayerList } from './layer-list.ts';
import type { ActivationOption } from './layer-list.ts';

export interface DeepSetsOptions {
  /** Channels of an element. */
  readonly size: number;
  /** How many there are. */
  readonly elements: number;
  /** Channels of each equivariant layer. */
  readonly channels: readonly number[];
  readonly pool?: 'mean' | 'sum' | 'max';
  /** Neurons of the head's hidden layers. */
  readonly hidden?: readonly number[];
  readonly outputs: number;
  /** ReLU unless said otherwise. */
  readonly activation?: ActivationOption;
  readonly name?: string;
}

/**
 * A function of a set: equivariant linear layers, a pooling, a linear head.
 *
 * Layers are `set1`, `set2`, …, `pool`, `fc1`, …; the output is `y`.
 * @throws {ArchitectureError} on sizes or settings that aren't possible
 * Source: Zaheer et al. 2017, arXiv:1703.06114, section 3. Departs: means in place of sums within the layers.
 */
export function deepSets(options: DeepSetsOptions): Architecture {
  const { size, elements, channels, pool = 'mean', hidden = [], outputs, activation = 'relu' } = options;
  if (channels.length === 0) {
    throw new ArchitectureError('deepSets', 'channels', 'a list of at least one size', channels);
  }
  const layers = new LayerList();
  let value = 'x';
  channels.forEach((width, i) => {
    value = layers.add(`set${i + 1}`, 'equivariant-linear', value, { size: width, activation });
  });
  value = layers.add('pool', 'global-pool', value, { mode: pool });
  hidden.forEach((width, i) => {
    value = layers.add(`fc${i + 1}`, 'linear', value, { size: width, activation });
  });
  layers.add(`fc${hidden.length + 1}`, 'linear', value, { size: outputs, output: 'y' });
  const name = options.name ?? `deep sets ${size}-${channels.join('-')}-${outputs}`;
  return layers.define(name, { name: 'x', size, positions: [elements] }, 'y');
}
