/** @file The per-parameter MLP. */
import { mapValues, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { checkWhole } from '../kinds.ts';
import { flat, follow, learnedStep, normalizers, timeFeatures, TIME_FEATURES } from './features.ts';
import type { LearnedOptimizer, OptimizerKind } from './learned-optimizer.ts';
import { networksIn } from './per-network.ts';
import { laterLayers, layerOf, pointMlpParameters, restOfPointMlp, withOnes } from './point-mlp.ts';

const DECAYS = [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];
/** Gradient, parameter, momenta. */
const OWN = 2 + DECAYS.length;

const settings = { width: 32, hiddenLayers: 2 };

/**
 * An MLP for each element of each parameter, which sees 19 features: gradient, parameter, momenta with six decays, each
 * divided by its root mean square over the tensor, and 11 functions of time:
 *
 *     (d, m) = MLP(features),   p ← p − d · exp(1e-3 · m) · 1e-3
 *
 * The time's share of the first layer is a bias, and the division is one of the weights, since both are the same for all
 * elements of a tensor. State: `momenta.<parameter>` `[N, 6, P]`.
 *
 * Symmetry: equivariant to any order of a parameter's elements.
 * Source: Metz et al. 2020, learned_optimization's `MLPLOpt`. Departs: nothing.
 */
export const mlpLopt: OptimizerKind<typeof settings> = {
  kind: 'mlp-lopt',
  source: "Metz et al. 2020, arXiv:2009.11243; learned_optimization's MLPLOpt",
  settings,
  create: (_, chosen): LearnedOptimizer => {
    const { width, hiddenLayers } = chosen;
    checkWhole('mlp-lopt', 'width', width);
    checkWhole('mlp-lopt', 'hiddenLayers', hiddenLayers);
    const sizes = [OWN + TIME_FEATURES, ...Array<number>(hiddenLayers).fill(width), 2];
    return {
      kind: 'mlp-lopt',
      settings: chosen,
      metaParameterCount: sizes.slice(1).reduce((sum, out, i) => sum + out * (sizes[i]! + 1), 0),
      initialize: (stream) => pointMlpParameters(sizes, stream),
      start: (params) =>
        Object.fromEntries(
          Object.entries(params).map(([name, p]) => [
            `momenta.${name}`,
            tf.zeros([p.shape[0]!, DECAYS.length, p.size / p.shape[0]!]),
          ]),
        ),
      update: (meta, state, params, grads, { step }) => {
        const count = networksIn(params);
        const network = prepared(meta, hiddenLayers + 1, count, step);
        const next: Record<string, Tensor> = {};
        const moved = mapValues(params, (p, name) => {
          const momenta = follow(state[`momenta.${name}`]!, flat(grads[name]!), tf.tensor3d(DECAYS, [1, 6, 1]));
          next[`momenta.${name}`] = momenta;
          return tf.sub(p, tf.reshape(stepOf(network, flat(p), flat(grads[name]!), momenta), p.shape));
        });
        return { params: moved, state: mapValues(state, (_, key) => next[key]!) };
      },
    };
  },
};

/** What all parameters share. */
interface Prepared {
  /** Of the features that are the element's own; shape `[N, H, 8]`. */
  readonly own: Tensor;
  /** Time included; shape `[N, H]`. */
  readonly bias: Tensor;
  readonly later: readonly Tensor[];
}

function prepared(meta: Tensors, depth: number, count: number, step: Tensor): Prepared {
  const [weight, bias] = layerOf(meta, 1, count);
  const [own, time] = tf.split(weight, [OWN, TIME_FEATURES], 2) as [Tensor, Tensor];
  const now = tf.squeeze(tf.matMul(time, tf.expandDims(timeFeatures(step), 2)), [2]);
  return { own, bias: tf.add(bias, now), later: laterLayers(meta, depth, count) };
}

/** @returns by how much the elements move; shape `[N, P]` */
function stepOf({ own, bias, later }: Prepared, p_np: Tensor, g_np: Tensor, momenta_ndp: Tensor): Tensor {
  const [N, P] = p_np.shape as [number, number];
  const seen_ncp = tf.concat([tf.expandDims(g_np, 1), tf.expandDims(p_np, 1), momenta_ndp], 1);
  const first = withOnes(tf.mul(own, tf.expandDims(normalizers(seen_ncp), 1)), bias);
  const y_n2p = restOfPointMlp(tf.matMul(first, tf.concat([seen_ncp, tf.ones([N, 1, P])], 1)), later);
  const [direction, magnitude] = tf.unstack(y_n2p, 1) as [Tensor, Tensor];
  return learnedStep(direction, magnitude);
}
