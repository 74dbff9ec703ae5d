/** @file The layers of neural functional networks, which classifiers and editors share. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues, tf, toTensor, withPrefix } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { canonicalizeSigns } from '@weightspace/symmetry';

import { splitBlocks } from '../../blocks/blocks.ts';
import { layoutOf } from '../../blocks/layout.ts';
import type { Layout, Permutable } from '../../blocks/layout.ts';
import { channelDropout, channelDropoutNoise } from '../../layers/channel-dropout.ts';
import {
  fold,
  foldAll,
  fourierFeatures,
  fourierFrequencies,
  measureScales,
  positionParameters,
  sinusoidalChannels,
  sinusoidalCodes,
} from '../../layers/encoding.ts';
import type { PositionContext } from '../../layers/encoding.ts';
import { equivariantLinear, equivariantLinearParameters } from '../../layers/equivariant-linear.ts';
import type { LinearStart } from '../../layers/equivariant-linear.ts';
import { measureMoments, standardizeBlock } from '../../layers/moments.ts';
import { layerNorms, normParameters } from '../../layers/norms.ts';
import type { NormKind } from '../../layers/norms.ts';
import { pointwise, pointwiseParameters } from '../../layers/pointwise.ts';
import { probeFeatures, probeParameters } from '../../layers/probe-features.ts';
import type { Metanet } from '../../metanet.ts';
import { checkSettings } from './settings.ts';
import type { NfnSettings } from './settings.ts';

export interface Body {
  readonly layout: Layout;
  /** Channels of the last layer. */
  readonly channels: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  readonly measure: Metanet['measure'];
  readonly noise: (batch: number, stream: RandomStream) => NdArrays;
  readonly apply: (params: Tensors, fixed: Tensors, weights: Tensors, noise?: Tensors) => BodyResult;
}

export interface BodyResult {
  /** By block. */
  readonly features: Tensors;
  /** What the networks give on the probes; undefined without probes. */
  readonly outputs: Tensor | undefined;
  /** The networks as they were read: with signs by a rule where that is asked for. */
  readonly weights: Tensors;
}

/** Names of the spaces of inputs and outputs. */
export const fixedSpaces = ({ spaces }: Architecture): Set<string> =>
  new Set(spaces.filter((s) => !s.free).map(({ name }) => name));

/** One layer with all that belongs to it. */
interface Layer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether it adds to what it reads. */
  readonly residual: boolean;
}

/** @throws {MetanetError} on settings that aren't possible, and when the architecture isn't */
export function bodyOf(kind: string, permutable: Permutable, architecture: Architecture, settings: NfnSettings): Body {
  checkSettings(kind, settings);
  const layout = layoutOf(kind, architecture, permutable);
  const position: PositionContext = { layout, fixed: fixedSpaces(architecture) };
  const encoded = settings.frequencies === 0 ? 1 : 2 * settings.frequencies;
  const first = encoded + (settings.position === 'sinusoidal' ? sinusoidalChannels(settings.bands) : 0);
  const widths = [first, ...settings.channels];
  const last = settings.channels.length - 1;
  const layers = settings.channels.map((outputs, i): Layer => {
    const residual = settings.residual && i > 0 && i < last;
    return { name: `layer${i + 1}`, inputs: widths[i]!, outputs, residual };
  });
  const codes = settings.position === 'sinusoidal' ? sinusoidalCodes(position, settings.bands) : {};
  const initialize = (stream: RandomStream): NdArrays => ({
    ...(settings.position === 'learned' ? positionParameters(position, encoded, stream.split('position')) : {}),
    ...(settings.probes > 0 ? probeParameters(kind, architecture, settings.probes, first, stream.split('probe')) : {}),
    ...(Object.assign({}, ...layers.map((layer) => layerParameters(layer, position, settings, stream))) as NdArrays),
  });
  const apply = (params: Tensors, fixed: Tensors, given: Tensors, noise?: Tensors): BodyResult => {
    const weights = settings.canonicalSigns ? canonicalizeSigns(architecture, given) : given;
    const raw = encodeWeights(params, fixed, weights, codes, layout);
    const probed = settings.probes > 0 ? probeFeatures(params, architecture, weights) : undefined;
    const start: Tensors = probed ? withProbes(raw, probed.features, layout) : raw;
    const features = layers.reduce((x, layer) => applyLayer(params, layer, position, settings, x, noise), start);
    return { features, outputs: probed?.outputs, weights };
  };
  return {
    layout,
    channels: widths.at(-1)!,
    initialize,
    measure: (weights, stream) => ({
      ...(settings.frequencies === 0
        ? {}
        : {
            frequencies: fourierFrequencies(settings.frequencies, settings.frequencyScale, stream.split('frequencies')),
          }),
      ...(settings.zScore ? measureMoments(layout.blocks, weights) : {}),
      ...(settings.normalize && !settings.zScore ? withPrefix('scale.', measureScales(weights)) : {}),
    }),
    noise: (batch, stream) =>
      Object.assign({}, ...layers.map((layer) => layerNoise(layer, layout, settings, batch, stream))) as NdArrays,
    apply,
  };
}

const isNorm = (norm: string): norm is NormKind => norm !== 'none';

function layerParameters(
  { name, inputs, outputs, residual }: Layer,
  { layout, fixed }: PositionContext,
  { layers, norm, start }: NfnSettings,
  stream: RandomStream,
): NdArrays {
  return {
    ...(layers === 'pointwise'
      ? pointwiseParameters(name, layout, inputs, outputs, stream)
      : equivariantLinearParameters(name, layout, inputs, outputs, stream, start as LinearStart)),
    ...(isNorm(norm) ? normParameters(norm, `${name}.norm`, layout, residual ? inputs : outputs, fixed) : {}),
  };
}

const layerNoise = (
  { name, outputs }: Layer,
  layout: Layout,
  { channelDropout: channels, matrixDropout: matrices }: NfnSettings,
  batch: number,
  stream: RandomStream,
): NdArrays => channelDropoutNoise(`${name}.drop`, layout, outputs, { channels, matrices }, batch, stream);

/**
 * A layer of the body.
 *
 *     drop(relu(norm(f(x))));  residual: x + drop(relu(f(norm(x))))
 *
 * Source: `InvariantNFN`, `InvariantResNFN` and `ResBlock` of the code of Zhou et al. 2023, arXiv:2302.14040.
 * Departs: dropout is of channels in both, since dropping single entries isn't equivariant.
 */
function applyLayer(
  params: Tensors,
  { name, residual }: Layer,
  { layout, fixed }: PositionContext,
  { layers, norm }: NfnSettings,
  x: Tensors,
  noise?: Tensors,
): Tensors {
  const normed = (y: Tensors): Tensors =>
    isNorm(norm) ? layerNorms(norm, params, `${name}.norm`, layout, y, fixed) : y;
  const map = layers === 'pointwise' ? pointwise : equivariantLinear;
  const mapped = map(params, name, layout, residual ? normed(x) : x);
  const active = mapValues(residual ? mapped : normed(mapped), (value: Tensor) => tf.relu(value) as Tensor);
  const dropped = channelDropout(`${name}.drop`, layout, active, noise);
  return residual ? mapValues(dropped, (value, tensor) => tf.add(x[tensor]!, value) as Tensor) : dropped;
}

/** Probe features `[B, N, C]` are added to those of their bias. */
function withProbes(x: Tensors, features: Tensors, layout: Layout): Tensors {
  const probed = layout.tensors.filter(({ name }) => features[name] !== undefined);
  return {
    ...x,
    ...Object.fromEntries(probed.map((t) => [t.name, tf.add(x[t.name]!, fold(t, features[t.name]!)) as Tensor])),
  };
}

function encodeWeights(
  params: Tensors,
  fixed: Tensors,
  weights: Tensors,
  codes: NdArrays,
  layout: Layout,
): Record<string, Tensor> {
  const blocks = splitBlocks(layout.blocks, weights);
  const encoded = Object.fromEntries(
    layout.tensors.map(({ name, parameter }) => {
      const scale = fixed[`scale.${parameter}`];
      const scaled = scale ? (tf.div(blocks[name]!, scale) as Tensor) : blocks[name]!;
      const raw = fixed[`mean.${name}`] ? standardizeBlock(fixed, name, scaled) : scaled;
      const frequencies = fixed['frequencies'];
      const features: Tensor = frequencies ? fourierFeatures(raw, frequencies) : tf.expandDims(raw, -1);
      const learned = params[`position.${name}`];
      const placed = learned ? (tf.add(features, learned) as Tensor) : features;
      return [name, codes[name] ? withCodes(placed, codes[name]) : placed];
    }),
  );
  return foldAll(layout, encoded);
}

function withCodes(x: Tensor, code: NdArrays[string]): Tensor {
  return tf.concat([x, tf.tile(toTensor(code), [x.shape[0]!, ...code.shape.slice(1).map(() => 1)])], x.rank - 1);
}
