/** @file The contrastive loss, one step on it, and embeddings of a batch. */
import type { Augmentation } from '@weightspace/augmentation';
import { adamW, clipByGlobalNorm, compile, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { dense, denseParameters } from '@weightspace/metanet';
import type { Metanet } from '@weightspace/metanet';

export interface ContrastiveSettings {
  /** Similarities are divided by it. */
  readonly temperature: number;
  readonly weightDecay: number;
  /** Global norm to which gradients are clipped. */
  readonly clip: number;
}

interface State {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
/** Two networks that compute the same, or one twice; and the draws of a view of each. */
interface Batch {
  readonly weights: readonly [Tensors, Tensors];
  readonly first: Tensors;
  readonly second: Tensors;
  readonly noise: readonly [Tensors, Tensors];
}
export type ContrastiveStep = Compiled<
  [State, Tensors, Batch, Tensor],
  { readonly state: State; readonly loss: Tensor; readonly accuracy: Tensor }
>;
export type Embed = Compiled<[Tensors, Tensors, Tensors], Tensor>;

/** A small number that keeps the length of an embedding from being 0. */
const TINY = 1e-8;

const unit = (z_bd: Tensor): Tensor => tf.mul(z_bd, tf.rsqrt(tf.add(tf.sum(tf.square(z_bd), 1, true), TINY)));

/**
 * How badly each view finds the other view of its network among all views of the batch; mean, in nats.
 *
 *     loss = −mean_i log( exp(s(i, i′)/T) / Σ_{j ≠ i} exp(s(i, j)/T) ),  s the cosine of two embeddings
 *
 * Letters: B batch, D channels.
 * @param a_bd one view of each network @param b_bd the other; shape `[B, D]`
 * @returns `loss` and `accuracy`, the share of views whose nearest other view is their own network's
 * Source: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", arXiv:2002.05709,
 *   eq. 1. Departs: nothing.
 */
export function contrastiveLoss(
  a_bd: Tensor,
  b_bd: Tensor,
  temperature: number,
): { readonly loss: Tensor; readonly accuracy: Tensor } {
  const views = 2 * a_bd.shape[0]!;
  const z = unit(tf.concat([a_bd, b_bd], 0));
  const similarity = tf.div(tf.matMul(z, z, false, true), temperature);
  // A view isn't compared with itself.
  const logits = tf.sub(similarity, tf.mul(tf.eye(views), 1e9));
  const numbers = Array.from({ length: views }, (_, i) => (i + views / 2) % views);
  const partner = tf.tensor1d(numbers, 'int32');
  const target = tf.oneHot(partner, views, 1, 0, 'float32');
  return {
    loss: tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1))),
    accuracy: tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), partner), 'float32')),
  };
}

/** Parameters of the projector, two layers that only the loss sees. */
export const projectorParameters = (width: number, stream: RandomStream): NdArrays => ({
  ...denseParameters('projector.0', width, width, stream),
  ...denseParameters('projector.1', width, width, stream),
});

const project = (params: Tensors, x: Tensor): Tensor =>
  dense(params, 'projector.1', tf.relu(dense(params, 'projector.0', x)));

/** One step of AdamW on two views. */
export function compileContrastiveStep(
  model: Metanet,
  augmentation: Augmentation,
  settings: ContrastiveSettings,
): ContrastiveStep {
  const optimizer = adamW({ weightDecay: settings.weightDecay });
  const step = ({ params, optimizer: moments }: State, fixed: Tensors, batch: Batch, rate: Tensor) => {
    const views = [batch.first, batch.second].map((draws, i) =>
      augmentation.apply(model.architecture, batch.weights[i]!, draws),
    );
    let accuracy: Tensor | undefined;
    const loss = (p: Tensors) => {
      const [a, b] = views.map((view, i) => project(p, model.apply(p, fixed, view, batch.noise[i])));
      const found = contrastiveLoss(a!, b!, settings.temperature);
      accuracy = found.accuracy;
      return found.loss;
    };
    const { value, grads } = valueAndGrads(loss, params);
    const next = optimizer.update(clipByGlobalNorm(grads, settings.clip).grads, moments, params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value, accuracy: accuracy! };
  };
  return compile(step as never, {
    name: `${model.kind} contrastive step`,
    recycle: true,
  }) as unknown as ContrastiveStep;
}

export const firstMoments = (params: NdArrays): NdArrays => adamW({}).init(params);

/** The embedding of each network, without the projector. */
export const compileEmbed = (model: Metanet): Embed =>
  compile(((params: Tensors, fixed: Tensors, weights: Tensors) => model.apply(params, fixed, weights)) as never, {
    name: `${model.kind} embedding`,
  }) as unknown as Embed;
