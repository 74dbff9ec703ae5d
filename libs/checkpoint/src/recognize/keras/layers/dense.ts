import { activationOf } from '../activations.ts';
import { LayerReading } from '../keras-layer.ts';
import type { LayerReader } from '../keras-layer.ts';

/** Dense: kernel [in, out]. */
export const dense: LayerReader = (at) => {
  const { x } = at;
  const size = at.number('units');
  const bias = at.flag('use_bias', true);
  const activation = activationOf(at);
  const weight = at.weight('kernel', 0, [{ transpose: [1, 0] }, ...LayerReading.reordered(x, 1)]);
  const origins = { weight, ...(bias && { bias: at.weight('bias', 1) }) };
  const value = at.add('linear', [x], { size, bias, activation }, origins);
  return { value, channels: size, positions: x.positions };
};

/** Embedding: [words, channels]. */
export const embedding: LayerReader = (at) => {
  const size = at.number('output_dim');
  if (at.config['mask_zero'] === true)
    at.draft.note(`'${at.layer.name}' masks words that are 0; what is computed here does not`);
  const value = at.add('embedding', [at.x], { size }, { weight: at.weight('embeddings', 0) });
  return { value, channels: size, positions: at.x.positions };
};
