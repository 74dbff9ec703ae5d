/** @file The baseline that knows nothing of symmetry: a perceptron on all weights in a row. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, ndarray, sizeOf, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter } from '../../layers/dense.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { measureColumns, standardize } from '../../layers/standardize.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';

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
    const body = bodyOf(architecture, outputs, settings);
    return { kind: 'flat-mlp', architecture, outputs, ...body, parameterCount: countDrawn(body.initialize) };
  },
  edit: (architecture, settings) => {
    const body = bodyOf(architecture, architecture.parameterCount, settings);
    const initialize = (stream: RandomStream): NdArrays => ({
      ...body.initialize(stream),
      scale: constantParameter(EDIT_SCALE, []),
    });
    return {
      kind: 'flat-mlp',
      architecture,
      ...body,
      initialize,
      parameterCount: countDrawn(initialize),
      apply: (params, fixed, weights, noise) =>
        unflatten(architecture, tf.mul(body.apply(params, fixed, weights, noise), params['scale']!)),
    };
  },
};

/** Start of the learned scale of all changes, as other editors have it. */
const EDIT_SCALE = 0.01;

function bodyOf(architecture: Architecture, outputs: number, settings: FlatMlpSettings) {
  const names = architecture.parameters.map(({ name }) => name);
  const flatten = (weights: Tensors): Tensor =>
    tf.concat(
      names.map((name) =>
        tf.reshape(weights[name]!, [weights[name]!.shape[0]!, weights[name]!.size / weights[name]!.shape[0]!]),
      ),
      1,
    );
  return {
    initialize: (stream: RandomStream): NdArrays =>
      headParameters(architecture.parameterCount, outputs, settings, stream),
    measure: (weights: NdArrays): NdArrays => measureColumns(joinColumns(names.map((name) => weights[name]!))),
    noise: (batch: number, stream: RandomStream): NdArrays => headNoise(batch, settings, stream.split('head')),
    apply: (params: Tensors, fixed: Tensors, weights: Tensors, noise?: Tensors): Tensor =>
      applyHead(params, standardize(flatten(weights), fixed), settings, noise),
  };
}

/** Columns back as parameters; shape `[B, …shape]` each. */
function unflatten({ parameters }: Architecture, columns: Tensor): Record<string, Tensor> {
  const sizes = parameters.map(({ shape }) => sizeOf(shape));
  const parts = tf.split(columns, sizes, 1);
  return Object.fromEntries(
    parameters.map(({ name, shape }, i) => [name, tf.reshape(parts[i]!, [columns.shape[0]!, ...shape])]),
  );
}

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
