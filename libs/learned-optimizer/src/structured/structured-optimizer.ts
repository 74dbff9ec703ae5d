/** @file Optimizers whose step is a function of features of all elements: the same features and steps for every function. */
import type { Architecture } from '@weightspace/architecture';
import { countParameters, mapValues, RandomStream, sizeOf, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { checkWhole, LearnedOptimizerError } from '../kinds.ts';
import type { Settings } from '../kinds.ts';
import { flat, follow, learnedStep, normalizers, timeFeatures } from '../optimizers/features.ts';
import type { LearnedOptimizer, OptimizerKind } from '../optimizers/learned-optimizer.ts';
import type { ElementFeatures, ElementMap, ElementMapFamily } from './element-map.ts';

const DECAYS = [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];
/** Which momentum the step `residual-momentum` follows: that of decay 0.9. */
const FOLLOWED = DECAYS.indexOf(0.9);
/** Gradient, parameter, momenta. */
export const OWN_FEATURES = 2 + DECAYS.length;

const NORMALIZATIONS = ['channel', 'joint'];
const STEPS = ['direction-magnitude', 'residual-momentum'];

export const commonSettings = {
  width: 32,
  hiddenLayers: 2,
  /** What features are divided by: each its root mean square over the tensor (`channel`), or, cut at ±1, that of all (`joint`). */
  normalization: 'channel',
  /** `direction-magnitude` or `residual-momentum`. */
  step: 'direction-magnitude',
};
export type CommonSettings = typeof commonSettings;

/**
 * An optimizer that sees, of each element, the gradient g, the parameter p and momenta m with six decays, each divided by its root
 * mean square over the tensor, and 11 functions of time. With (d, m) or f what the family's function makes of them:
 *
 *     direction-magnitude    p ← p − d · exp(1e-3 · m) · 1e-3
 *     residual-momentum      p ← p − 0.1 · (m of decay 0.9 + 1e-4 · f)
 *
 * State: `momenta.<parameter>` `[N, 6, P]`.
 *
 * Source: features and the first step of learned_optimization's `MLPLOpt` (Metz et al. 2020, arXiv:2009.11243); `joint` and the second
 *   step of the `ResidualOpt` of the code of Zhou et al. 2024, arXiv:2402.05232. Departs: nothing.
 */
export function structuredKind<S extends Settings>(family: ElementMapFamily<S>): OptimizerKind<CommonSettings & S> {
  return {
    kind: family.kind,
    source: family.source,
    settings: { ...commonSettings, ...family.settings },
    create: (architecture, settings) => {
      check(family.kind, settings);
      const { width, hiddenLayers, step } = settings;
      const outputs = step === 'direction-magnitude' ? 2 : 1;
      const options = { inputs: OWN_FEATURES, outputs, width, hiddenLayers, timed: true, zero: false };
      return optimizerOf(family, architecture, family.create(architecture, options, settings), settings);
    },
  };
}

function check(kind: string, { width, hiddenLayers, normalization, step }: CommonSettings): void {
  checkWhole(kind, 'width', width);
  checkWhole(kind, 'hiddenLayers', hiddenLayers);
  const known = (name: string, value: string, names: readonly string[]) => {
    if (names.includes(value)) return;
    throw new LearnedOptimizerError(kind, `${name} must be one of ${names.join(', ')}, got '${value}'`);
  };
  known('normalization', normalization, NORMALIZATIONS);
  known('step', step, STEPS);
}

function optimizerOf(
  family: Pick<ElementMapFamily, 'kind' | 'bound'>,
  architecture: Architecture,
  map: ElementMap,
  settings: CommonSettings,
): LearnedOptimizer {
  const expected = mapValues(map.initialize(RandomStream.fromSeed(0)), ({ shape }) => shape);
  return {
    kind: family.kind,
    settings,
    metaParameterCount: countParameters(map.initialize(RandomStream.fromSeed(0))),
    initialize: map.initialize,
    start: (params) =>
      Object.fromEntries(
        Object.entries(params).map(([name, p]) => [
          `momenta.${name}`,
          tf.zeros([p.shape[0]!, DECAYS.length, p.size / p.shape[0]!]),
        ]),
      ),
    update: (meta, state, params, grads, { step }) => {
      checkMeta(family, architecture, expected, meta);
      const momenta = mapValues(params, (_, name) =>
        follow(state[`momenta.${name}`]!, flat(grads[name]!), tf.tensor3d(DECAYS, [1, DECAYS.length, 1])),
      );
      const values = mapValues(params, (p, name) => {
        const [g_np, p_np] = [flat(grads[name]!), flat(p)];
        return tf.concat([tf.expandDims(g_np, 1), tf.expandDims(p_np, 1), momenta[name]!], 1) as Tensor;
      });
      const y = map.apply(meta, { ...normalized(values, settings), time: timeFeatures(step) });
      return {
        params: mapValues(
          params,
          (p, name) => tf.sub(p, tf.reshape(changeOf(settings, y[name]!, momenta[name]!), p.shape)) as Tensor,
        ),
        state: mapValues(state, (_, key) => momenta[key.slice('momenta.'.length)]!),
      };
    },
  };
}

function normalized(values: Tensors, { normalization }: CommonSettings): ElementFeatures {
  if (normalization === 'channel') return { values, scales: mapValues(values, normalizers) };
  const cut = mapValues(values, (x) => tf.clipByValue(x, -1, 1) as Tensor);
  const scales = mapValues(cut, (x) => normalizers(tf.reshape(x, [x.shape[0]!, 1, x.size / x.shape[0]!])));
  return { values: cut, scales };
}

const [RATE, SHARE] = [0.1, 1e-4];

/** @param y_nkp what the function gives @param momenta_ndp shape `[N, 6, P]` @returns by how much elements move; shape `[N, P]` */
function changeOf({ step }: CommonSettings, y_nkp: Tensor, momenta_ndp: Tensor): Tensor {
  const [first, second] = tf.unstack(y_nkp, 1) as [Tensor, Tensor];
  if (step === 'direction-magnitude') return learnedStep(first, second);
  const [N, , P] = momenta_ndp.shape as [number, number, number];
  const followed: Tensor = tf.reshape(tf.slice(momenta_ndp, [0, FOLLOWED, 0], [N, 1, P]), [N, P]);
  return tf.mul(tf.add(followed, tf.mul(first, SHARE)), RATE);
}

/** @throws {LearnedOptimizerError} where meta-parameters are those of another optimizer, or of another architecture */
function checkMeta(
  { kind, bound }: Pick<ElementMapFamily, 'kind' | 'bound'>,
  architecture: Architecture,
  expected: { readonly [name: string]: readonly number[] },
  meta: Tensors,
): void {
  for (const name of new Set([...Object.keys(expected), ...Object.keys(meta)])) {
    const [shape, own] = [meta[name]?.shape.slice(1), expected[name]];
    if (shape && own && sizeOf(shape) === sizeOf(own) && shape.join() === own.join()) continue;
    const want = own ? `shape [M${own.map((size) => `, ${size}`).join('')}]` : 'no such array';
    throw new LearnedOptimizerError(
      kind,
      `meta-parameter '${name}' must have ${want} for the architecture '${architecture.name}', got ${shape ? `[${meta[name]!.shape.join(', ')}]` : 'nothing'}; ${bound}`,
    );
  }
}
