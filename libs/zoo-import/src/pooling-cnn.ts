/** @file The small networks of ModelZooDataset, whose activations stand behind the poolings. */
import { architectureSchema, defineArchitecture } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

export interface PoolingCnn {
  readonly shape: {
    /** Of the square images. */
    readonly side: number;
    readonly channels: readonly number[];
    readonly kernels: readonly number[];
    /** Whether a pooling by 2 follows, before the activation. */
    readonly pools: readonly boolean[];
    readonly hidden: number;
  };
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: string;
  readonly name: string;
}

/**
 * Convolutions without padding, largest values of 2 × 2, activations; then a hidden layer and a linear one on all pixels.
 *
 * Source: `CNN`, `CNN2` and `CNN3` of ModelZooDataset, code/model_definitions/def_net.py. Departs: no dropout.
 */
export function poolingCnn({ shape, inputs, outputs, activation, name }: PoolingCnn): Architecture {
  const layers: { readonly [setting: string]: unknown }[] = [];
  let value = 'x';
  const add = (layer: { readonly name: string; readonly [setting: string]: unknown }) => {
    layers.push({ ...layer, inputs: [value] });
    value = layer.name;
  };
  shape.channels.forEach((size, i) => {
    const pooled = shape.pools[i]!;
    add({ name: `conv${i + 1}`, kind: 'conv2d', size, kernel: shape.kernels[i], ...(pooled ? {} : { activation }) });
    if (pooled) add({ name: `pool${i + 1}`, kind: 'max-pool', kernel: [2, 2], activation });
  });
  add({ name: 'vector', kind: 'flatten' });
  add({ name: 'fc1', kind: 'linear', size: shape.hidden, activation });
  add({ name: 'fc2', kind: 'linear', size: outputs });
  const input = { name: 'x', size: inputs, positions: [shape.side, shape.side] };
  return defineArchitecture({ schema: architectureSchema, name, inputs: [input], layers, output: value });
}
