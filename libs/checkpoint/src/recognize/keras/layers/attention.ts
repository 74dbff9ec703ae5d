import type { LayerReader, LayerReading } from '../keras-layer.ts';
import type { Origin } from '../../state-dict/draft.ts';

/** MultiHeadAttention: kernels [in, heads, size], and [heads, size, out] of the output. Called with query, value and key. */
export const multiHeadAttention: LayerReader = (at) => {
  const [query, value = query, key = value] = at.inputs;
  const heads = at.number('num_heads');
  const keySize = at.number('key_dim');
  const valueSize = at.number('value_dim', keySize);
  const bias = at.flag('use_bias', true);
  const axes = at.config['attention_axes'];
  if (axes !== undefined && axes !== null && JSON.stringify(axes) !== '[1]')
    at.fail('attention_axes', 'the tokens', axes);
  const size = sizeOf(at, query!.channels);
  const origins = {
    ...projection(at, 'q', 'query', heads * keySize, query!.channels, bias),
    ...projection(at, 'k', 'key', heads * keySize, key!.channels, bias),
    ...projection(at, 'v', 'value', heads * valueSize, value!.channels, bias),
    'o.weight': at.weight('kernel', 0, [{ transpose: [2, 0, 1] }, { reshape: [size, heads * valueSize] }], 'output'),
    ...(bias && { 'o.bias': at.weight('bias', 1, [], 'output') }),
  };
  const causal = at.call.options['use_causal_mask'] === true;
  const settings = { size, heads, keySize, valueSize, bias, outBias: bias, causal };
  const self = query!.value === value!.value && query!.value === key!.value;
  const added = at.add('attention', self ? [query!] : [query!, key!, value!], settings, origins);
  return { value: added, channels: size, positions: query!.positions };
};

function sizeOf(at: LayerReading, standard: number): number {
  const shape = at.config['output_shape'] ?? standard;
  const size: unknown = Array.isArray(shape) && shape.length === 1 ? shape[0] : shape;
  return typeof size === 'number' ? size : at.fail('output_shape', 'one size', shape);
}

function projection(at: LayerReading, own: string, part: string, rows: number, columns: number, bias: boolean) {
  const folder = `/${part}`;
  const weight = at.weight('kernel', 0, [{ transpose: [1, 2, 0] }, { reshape: [rows, columns] }], folder);
  const origins: { [name: string]: Origin } = { [`${own}.weight`]: weight };
  if (bias) origins[`${own}.bias`] = at.weight('bias', 1, [{ reshape: [rows] }], folder);
  return origins;
}
