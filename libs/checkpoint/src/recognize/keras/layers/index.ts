/** @file Keras's layers by class, a line for each. */
import { isRecord } from '../keras-config.ts';
import type { LayerReader } from '../keras-layer.ts';
import { activation, elu, leakyRelu, prelu, relu, softmax } from './activations.ts';
import { multiHeadAttention } from './attention.ts';
import { conv, depthwise, separable } from './convolutions.ts';
import { dense, embedding } from './dense.ts';
import { concatenate, merge } from './merges.ts';
import { batchNormalization, groupNormalization, layerNormalization } from './norms.ts';
import { bidirectional, recurrent } from './recurrent.ts';
import { flatten, globalPooling, nothing, pooling, rescaling, reshape, upSampling, zeroPadding } from './shapes.ts';

/** TimeDistributed: layers work at every position anyway. */
const timeDistributed: LayerReader = (at) => {
  const inner = at.config['layer'];
  const className = isRecord(inner) ? String(inner['class_name']) : '';
  if (!isRecord(inner) || !isRecord(inner['config']) || !['Dense', 'Activation', 'Dropout'].includes(className)) {
    return at.fail('layer', 'Dense, Activation or Dropout', className);
  }
  return readers[className]!(at.inner(inner['config']));
};

export const readers: { readonly [className: string]: LayerReader } = {
  Dense: dense,
  Embedding: embedding,
  Conv1D: conv(1),
  Conv2D: conv(2),
  Conv3D: conv(3),
  DepthwiseConv1D: depthwise(1),
  DepthwiseConv2D: depthwise(2),
  SeparableConv1D: separable(1),
  SeparableConv2D: separable(2),
  BatchNormalization: batchNormalization,
  BatchNormalizationV1: batchNormalization,
  BatchNormalizationV2: batchNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  SimpleRNN: recurrent('rnn'),
  LSTM: recurrent('lstm'),
  GRU: recurrent('gru'),
  Bidirectional: bidirectional,
  TimeDistributed: timeDistributed,
  MultiHeadAttention: multiHeadAttention,
  Add: merge('add'),
  Multiply: merge('multiply'),
  Concatenate: concatenate,
  MaxPooling1D: pooling('max', 1),
  MaxPooling2D: pooling('max', 2),
  MaxPooling3D: pooling('max', 3),
  AveragePooling1D: pooling('average', 1),
  AveragePooling2D: pooling('average', 2),
  AveragePooling3D: pooling('average', 3),
  GlobalAveragePooling1D: globalPooling('mean'),
  GlobalAveragePooling2D: globalPooling('mean'),
  GlobalAveragePooling3D: globalPooling('mean'),
  GlobalMaxPooling1D: globalPooling('max'),
  GlobalMaxPooling2D: globalPooling('max'),
  GlobalMaxPooling3D: globalPooling('max'),
  Flatten: flatten,
  Reshape: reshape,
  UpSampling1D: upSampling(1),
  UpSampling2D: upSampling(2),
  UpSampling3D: upSampling(3),
  ZeroPadding1D: zeroPadding(1),
  ZeroPadding2D: zeroPadding(2),
  ZeroPadding3D: zeroPadding(3),
  Rescaling: rescaling,
  Activation: activation,
  ReLU: relu,
  LeakyReLU: leakyRelu,
  ELU: elu,
  PReLU: prelu,
  Softmax: softmax,
  Dropout: nothing,
  SpatialDropout1D: nothing,
  SpatialDropout2D: nothing,
  SpatialDropout3D: nothing,
  GaussianNoise: nothing,
  GaussianDropout: nothing,
  AlphaDropout: nothing,
  ActivityRegularization: nothing,
  Identity: nothing,
};
