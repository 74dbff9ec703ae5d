/** @file Universal neural functionals. */
import type { Architecture } from '@weightspace/architecture';
import { countDrawn, tf, withPrefix } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { Layout } from '../../blocks/layout.ts';
import { constantParameter } from '../../layers/dense.ts';
import { editHead, editHeadParameters } from '../../layers/edit-head.ts';
import { fourierFrequencies, measureScales } from '../../layers/encoding.ts';
import { applyHead, headNoise, headParameters } from '../../layers/mlp-head.ts';
import { layerNorm } from '../../layers/probe-features.ts';
import { MetanetError } from '../../metanet.ts';
import type { Editor, Metanet } from '../../metanet.ts';
import { inputFamilies } from '../../registry.ts';
import type { MetanetKind } from '../../registry.ts';
import { encode, encoderParameters } from './encoder.ts';
import { universalPlan, widthOf } from './plan.ts';
import type { Plan } from './plan.ts';
import { Statistics } from './statistics.ts';
import { universalLinear, universalLinearParameters } from './universal-linear.ts';
import { permutables, tensorsOf, universalLayout } from './universal-layout.ts';
import type { UniversalPermutable } from './universal-layout.ts';

export const unfSettings = {
  /** Channels of each equivariant layer. */
  channels: [64, 64, 64] as readonly number[],
  /** Gaussian frequencies of the raw weights; 0 to take them as they are. */
  frequencies: 64,
  /** Deviation of the frequencies, in periods per unit of a weight; with `normalize`, per root mean square. */
  frequencyScale: 0.3,
  /** What becomes of axes whose order has a meaning: `auto`, `hidden` or `all`. */
  permutable: 'auto',
  /** `full`: every pair of tensors has maps of its own. `factored`: what many tensors share goes through one vector. */
  sharing: 'factored',
  /** Channels of that vector. */
  sharedChannels: 128,
  /** Normalize the channels of each entry after each layer. */
  norm: false,
  /** Add a layer's input to its output where both have the same channels. */
  residual: false,
  /** Widths of the head's hidden layers. */
  head: [256, 256] as readonly number[],
  dropout: 0.2,
  /** Divide each parameter by its root mean square over the training networks. */
  normalize: true,
};
export type UnfSettings = typeof unfSettings;

/**
 * No experiment of the paper is released, so there are no published settings: layers and ReLU are those of its public code,
 * encoder, pooling and head are those of NFN, to which UNF is compared.
 */
export const unf: MetanetKind<UnfSettings> = {
  kind: 'unf',
  family: 'UNF',
  source: 'Zhou et al. 2024, arXiv:2402.05232',
  symmetry: 'invariant to permutations of hidden neurons, heads, and channels within each head or group',
  inputs: ['any network'],
  takes: inputFamilies,
  settings: unfSettings,
  create: createUnf,
  edit: editUnf,
};

const KIND = 'unf';

/** The equivariant layers, which classifiers and editors share. */
interface Body {
  readonly layout: Layout;
  readonly plan: Plan;
  /** Channels of the last layer. */
  readonly channels: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  readonly measure: Metanet['measure'];
  /** Features by block. */
  readonly apply: (params: Tensors, fixed: Tensors, weights: Tensors) => Tensors;
}

function bodyOf(architecture: Architecture, settings: UnfSettings): Body {
  check(settings);
  const layout = universalLayout(architecture, settings.permutable as UniversalPermutable);
  const plan = universalPlan(tensorsOf(layout));
  const { channels, frequencies } = settings;
  const widths = [channels[0]!, ...channels];
  const shared = settings.sharing === 'factored' ? { shared: settings.sharedChannels } : {};
  const initialize = (stream: RandomStream): NdArrays => ({
    ...encoderParameters(layout, frequencies > 0 ? 2 * frequencies : 1, widths[0]!, stream),
    ...(Object.assign(
      {},
      ...channels.map((outputs, i) => ({
        ...universalLinearParameters(`layer${i + 1}`, plan, { inputs: widths[i]!, outputs, ...shared }, stream),
        ...(settings.norm ? normParameters(`layer${i + 1}`, plan, outputs) : {}),
      })),
    ) as NdArrays),
  });
  const apply = (params: Tensors, fixed: Tensors, weights: Tensors): Tensors =>
    channels.reduce<Tensors>(
      (x, outputs, i) => {
        const y = universalLinear(params, `layer${i + 1}`, plan, x);
        const skip = settings.residual && widths[i] === outputs;
        return activated(params, `layer${i + 1}`, y, skip ? x : undefined);
      },
      encode(params, fixed, weights, layout),
    );
  const measure: Metanet['measure'] = (weights, stream) => ({
    ...(frequencies > 0
      ? { frequencies: fourierFrequencies(frequencies, settings.frequencyScale, stream.split('frequencies')) }
      : {}),
    ...(settings.normalize ? withPrefix('scale.', measureScales(weights)) : {}),
  });
  return { layout, plan, channels: widths.at(-1)!, initialize, measure, apply };
}

const normParameters = (name: string, { tensors }: Plan, channels: number): NdArrays =>
  Object.fromEntries(
    tensors.flatMap((t) => [
      [`${name}.norm.${t.name}.gain`, constantParameter(1, [t.folded * channels])],
      [`${name}.norm.${t.name}.shift`, constantParameter(0, [t.folded * channels])],
    ]),
  );

/** LayerNorm over channels where there is one, ReLU, and what is skipped. */
function activated(params: Tensors, name: string, y: Tensors, skipped: Tensors | undefined): Tensors {
  return Object.fromEntries(
    Object.entries(y).map(([tensor, value]) => {
      const gain = params[`${name}.norm.${tensor}.gain`];
      const normed = gain ? layerNorm(value, gain, params[`${name}.norm.${tensor}.shift`]!) : value;
      const active = tf.relu(normed) as Tensor;
      return [tensor, skipped ? (tf.add(active, skipped[tensor]!) as Tensor) : active];
    }),
  );
}

function createUnf(architecture: Architecture, outputs: number, settings: UnfSettings): Metanet {
  const { plan, channels, ...body } = bodyOf(architecture, settings);
  const invariants = plan.hubs.find(({ indices }) => indices.length === 0)!.sources;
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...headParameters(widthOf(invariants, channels), outputs, settings, stream),
  });
  return {
    kind: KIND,
    architecture,
    outputs,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: (batch, stream) => headNoise(batch, settings, stream.split('head')),
    apply: (params, fixed, weights, noise) => {
      const x = body.apply(params, fixed, weights);
      const statistics = new Map(plan.tensors.map((tensor) => [tensor, new Statistics(x[tensor.name]!)]));
      // All linear invariants: the mean of each tensor and of each of its diagonals.
      const means = invariants.map((source) => statistics.get(source.pattern.tensor)!.read(source));
      return applyHead(params, tf.concat(means, 1), settings, noise);
    },
  };
}

function editUnf(architecture: Architecture, settings: UnfSettings): Editor {
  const { layout, channels, ...body } = bodyOf(architecture, settings);
  const initialize = (stream: RandomStream): NdArrays => ({
    ...body.initialize(stream),
    ...editHeadParameters('edit', layout, channels, stream),
  });
  return {
    kind: KIND,
    architecture,
    parameterCount: countDrawn(initialize),
    initialize,
    measure: body.measure,
    noise: () => ({}),
    apply: (params, fixed, weights) =>
      editHead(params, 'edit', layout, architecture, body.apply(params, fixed, weights)),
  };
}

function check({ channels, frequencies, permutable, sharing, sharedChannels, dropout }: UnfSettings): void {
  const whole = (value: number, least: number) => Number.isInteger(value) && value >= least;
  const refuse = (problem: string): never => {
    throw new MetanetError(KIND, problem);
  };
  if (channels.length === 0 || !channels.every((c) => whole(c, 1)))
    refuse(`channels must be one or more whole numbers above 0, got [${channels.join(', ')}]`);
  if (!whole(frequencies, 0)) refuse(`frequencies must be a whole number, 0 or more, got ${frequencies}`);
  if (!(permutables as readonly string[]).includes(permutable))
    refuse(`permutable must be ${permutables.join(', ')}, got '${permutable}'`);
  if (!['full', 'factored'].includes(sharing)) refuse(`sharing must be full or factored, got '${sharing}'`);
  if (!whole(sharedChannels, 1)) refuse(`sharedChannels must be a whole number above 0, got ${sharedChannels}`);
  if (!(dropout >= 0 && dropout < 1)) refuse(`dropout must be in [0, 1), got ${dropout}`);
}
