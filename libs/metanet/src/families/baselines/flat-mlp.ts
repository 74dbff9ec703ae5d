/** @file The baseline that knows nothing of symmetry: a perceptron on all weights in a row. */
import { countDrawn, ndarray, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { measureColumns, standardize } from '../../layers/standardize.ts';

export const flatMlpSettings = { head: [512, 512] as readonly number[], dropout: 0.2 };
export type FlatMlpSettings = typeof flatMlpSettings;

/** Each weight is standardized by its own mean and deviation over the training networks. */
export const flatMlp: MetanetKind<FlatMlpSettings> = {
  kind: 'flat-mlp',
  family: 'baseline',
  source: 'the MLP baseline of Navon et al. 2023, arXiv:2301.12780',
  symmetry: 'none',
  inputs: ['any network'],
  takes: inputFamilies,
  settings: flatMlpSettings,
  create: (architecture, outputs, settings) => {
    const names = architecture.parameters.map(({ name }) => name);
    const initialize = (stream: RandomStream): NdArrays =>
      headParameters(architecture.parameterCount, outputs, settings, stream);
    const flatten = (weights: Tensors): Tensor =>
      tf.concat(
        names.map((name) =>
          tf.reshape(weights[name]!, [weights[name]!.shape[0]!, weights[name]!.size / weights[name]!.shape[0]!]),
        ),
        1,
      );
    return {
      kind: 'flat-mlp',
      architecture,
      outputs,
      parameterCount: countDrawn(initialize),
      initialize,
      measure: (weights) => measureColumns(joinColumns(names.map((name) => weights[name]!))),
      noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
      apply: (params, fixed, weights, noise) =>
        applyHead(params, standardize(flatten(weights), fixed), settings, noise),
    };
  },
};

/** Parameters of N networks side by side; shape `[N, all]`. */
function joinColumns(parts: readonly NdArrays[string][]): NdArrays[string] {
  const count = parts[0]!.shape[0]!;
  const strides = parts.map((part) => part.data.length / count);
  const width = strides.reduce((sum, stride) => sum + stride, 0);
  const data = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    let column = 0;
    parts.forEach((part, i) => {
      data.set(part.data.subarray(row * strides[i]!, (row + 1) * strides[i]!), row * width + column);
      column += strides[i]!;
    });
  }
  return ndarray(data, [count, width]);
}
