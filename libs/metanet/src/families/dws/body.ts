/** @file The equivariant layers of a DWSNet, which classifiers and editors share. */
import type { Architecture } from '@weightspace/architecture';
import { tf, withPrefix } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { splitBlocks } from '../../blocks/blocks.ts';
import { layoutOf } from '../../blocks/layout.ts';
import type { Layout } from '../../blocks/layout.ts';
import { fold, measureScales } from '../../layers/encoding.ts';
import { dwsLayer, dwsLayerParameters } from './dws-layer.ts';
import type { DwsLayerSettings } from './dws-layer.ts';
import type { Parameters } from './maps.ts';
import { normalizedRelu, normParameters, plainStatistics } from './norm.ts';
import type { NormContext } from './norm.ts';
import { dwsPlan, dwsTensors } from './plan.ts';
import type { DwsPlan, DwsTensor } from './plan.ts';
import { channelMap, isWide, resample, resampleParameters, skipParameters } from './resample.ts';
import type { DwsSettings } from './settings.ts';
import { layerSettings } from './settings.ts';

export interface Body {
  readonly layout: Layout;
  readonly tensors: readonly DwsTensor[];
  readonly initialize: (stream: RandomStream) => NdArrays;
  readonly measure: (weights: NdArrays) => NdArrays;
  readonly noise: (batch: number, stream: RandomStream) => NdArrays;
  /**
   * @param statistics filled with those of the batch; absent in evaluation
   * @returns features of the last layer, before a non-linearity; shape `[B, folded · C, …sizes]`
   */
  readonly apply: (context: NormContext, weights: Tensors, noise: Tensors | undefined) => Record<string, Tensor>;
}

interface Step {
  readonly name: string;
  readonly channels: readonly [number, number];
  readonly settings: DwsLayerSettings;
}

/** DWS layers with a norm, ReLU and dropout between them. */
export function bodyOf(kind: string, architecture: Architecture, settings: DwsSettings): Body {
  const { channels } = settings;
  const layout = layoutOf(kind, architecture, 'hidden');
  const tensors = dwsTensors(layout, new Set(architecture.spec.inputs.map(({ name }) => name)));
  const { downsample, diagonal } = settings;
  const narrowed = tensors.map((t) => (downsample > 0 && isWide(t) ? { ...t, folded: downsample } : t));
  const plan = dwsPlan(narrowed, diagonal);
  const steps = channels.map((d, i): Step => ({
    name: `layer${i + 1}`,
    channels: [channels[i - 1] ?? 1, d],
    settings: layerSettings(settings, i === channels.length - 1),
  }));
  const between = steps.slice(0, -1);
  return {
    layout,
    tensors,
    initialize: (stream) =>
      Object.assign(
        {},
        ...steps.map((step) => stepParameters(step, tensors, plan, settings, stream)),
        ...between.map(({ name, channels: [, d] }) => normParameters(`${name}.norm`, tensors, d, settings.norm)),
      ) as NdArrays,
    measure: (weights) =>
      Object.assign(
        settings.normalize ? withPrefix('scale.', measureScales(weights)) : {},
        ...between.map(({ name, channels: [, d] }) =>
          settings.norm === 'batch' ? plainStatistics(`${name}.norm`, tensors, d) : {},
        ),
      ) as NdArrays,
    noise: (batch, stream) =>
      Object.assign(
        {},
        ...between.map(({ name, channels: [, d] }) => dropoutMasks(name, tensors, batch, d, settings.dropout, stream)),
      ) as NdArrays,
    apply: (context, weights, noise) => {
      let x = features(context.fixed, layout, tensors, weights);
      steps.forEach((step, i) => {
        x = applyStep(context.params, step, tensors, plan, settings, x);
        if (i < steps.length - 1) x = activated(context, step.name, tensors, settings, x, noise);
      });
      return x;
    },
  };
}

/** Raw weights as features of one channel; channels come first. */
function features(
  fixed: Tensors,
  layout: Layout,
  tensors: readonly DwsTensor[],
  weights: Tensors,
): Record<string, Tensor> {
  const blocks = splitBlocks(layout.blocks, weights);
  return Object.fromEntries(
    tensors.map(({ name, spaces }, i) => {
      const t = layout.tensors[i]!;
      const scale = fixed[`scale.${t.parameter}`];
      const raw = scale ? tf.div(blocks[name]!, scale) : blocks[name]!;
      const folded = fold(t, tf.expandDims(raw, -1));
      return [name, tf.transpose(folded, [0, spaces.length + 1, ...spaces.map((_, axis) => axis + 1)])];
    }),
  );
}

function stepParameters(
  { name, channels, settings: own }: Step,
  tensors: readonly DwsTensor[],
  plan: DwsPlan,
  { skip, downsample, initScale }: DwsSettings,
  stream: RandomStream,
): Parameters {
  const wide = downsample > 0 ? tensors.filter(isWide) : [];
  return Object.assign(
    dwsLayerParameters(name, plan, channels, own, stream),
    skip ? skipParameters(`${name}.skip`, ...channels) : {},
    ...wide.flatMap((t) => [
      resampleParameters(`${name}.${t.name}.down`, t.folded, downsample, initScale, stream),
      resampleParameters(`${name}.${t.name}.up`, downsample, t.folded, initScale, stream),
      skipParameters(`${name}.${t.name}.around`, ...channels),
    ]),
  ) as Parameters;
}

function applyStep(
  params: Tensors,
  { name, channels, settings: own }: Step,
  tensors: readonly DwsTensor[],
  plan: DwsPlan,
  { skip, downsample }: DwsSettings,
  x: Tensors,
): Record<string, Tensor> {
  const wide = new Set(downsample > 0 ? tensors.filter(isWide) : []);
  const narrow = Object.fromEntries(
    tensors.map((t) => {
      const value = x[t.name]!;
      return [t.name, wide.has(t) ? resample(params, `${name}.${t.name}.down`, value, t.folded) : value];
    }),
  );
  const y = dwsLayer(params, name, plan, channels, own, narrow);
  return Object.fromEntries(
    tensors.map((t) => {
      const whole = wide.has(t)
        ? tf.add(
            resample(params, `${name}.${t.name}.up`, y[t.name]!, downsample),
            channelMap(params, `${name}.${t.name}.around`, x[t.name]!),
          )
        : y[t.name]!;
      return [t.name, skip ? tf.add(whole, channelMap(params, `${name}.skip`, x[t.name]!)) : whole];
    }),
  );
}

/** The non-linearity between layers. */
function activated(
  context: NormContext,
  layer: string,
  tensors: readonly DwsTensor[],
  { norm }: DwsSettings,
  x: Tensors,
  noise: Tensors | undefined,
): Record<string, Tensor> {
  return Object.fromEntries(
    tensors.map((t) => {
      const y = normalizedRelu(context, `${layer}.norm`, t, x[t.name]!, norm);
      const mask = noise?.[maskName(layer, t)];
      return [t.name, mask ? tf.mul(y, mask) : y];
    }),
  );
}

export const maskName = (layer: string, { name }: DwsTensor): string => `dropout.${layer}.${name}`;

/** One for each number that is dropped, already divided by the share that is kept; shape `[B, folded · C, …sizes]`. */
export function dropoutMasks(
  layer: string,
  tensors: readonly DwsTensor[],
  batch: number,
  channels: number,
  rate: number,
  stream: RandomStream,
): NdArrays {
  if (rate === 0) return {};
  return Object.fromEntries(
    tensors.map((t) => {
      const name = maskName(layer, t);
      const mask = stream.split(name).bernoulli([batch, t.folded * channels, ...t.sizes], 1 - rate);
      return [name, { ...mask, data: mask.data.map((kept) => kept / (1 - rate)) }];
    }),
  );
}
