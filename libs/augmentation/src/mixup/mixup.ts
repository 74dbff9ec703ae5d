/** @file Mixing the weights of pairs of networks, and their labels. */
import { inlinePairMatching, workerPairMatching } from '@weightspace/alignment';
import type { PairMatching } from '@weightspace/alignment';
import { checkStacked } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, mapValues, ndarray, takeRows, tf, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { Compiled, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import { actTensors, symmetryGroup } from '@weightspace/symmetry';
import type { SymmetryKind } from '@weightspace/symmetry';

import { AugmentationError } from '../augmentation-error.ts';
import type { Augmentation } from '../augmentation.ts';
import { permutation } from '../neuron-symmetries.ts';
import { randomPartners, selfPartners } from './partners.ts';
import type { Partners } from './partners.ts';

/** What a step needs of one batch. */
export interface MixupBatch {
  /** The networks to give to `apply`; changed ones where the mixup changes them first. */
  readonly weights: NdArrays;
  /** Partners, shares, what brings partners to their networks. */
  readonly draws: NdArrays;
}

/** Mixes each network of a batch with another one. Pairs are drawn and matched outside of the compiled step. */
export interface Mixup {
  readonly name: string;
  readonly kind: 'approximate';
  /**
   * Depends on the weights and the stream alone, so a batch can be prepared while another one is trained on.
   *
   * @param weights by parameter; shape `[B, …shape]`
   */
  readonly prepare: (architecture: Architecture, weights: NdArrays, stream: RandomStream) => Promise<MixupBatch>;
  /** Pure and traceable. @returns α · own + (1 − α) · g · partner; shape `[B, …shape]` */
  readonly apply: (architecture: Architecture, weights: Tensors, draws: Tensors) => Tensors;
  /** Ends worker threads; the mixup isn't usable afterwards. */
  readonly close: () => Promise<void>;
}

export interface MixupOptions {
  readonly name: string;
  /** What is done to the partner: nothing, a random order of neurons, or matching by these symmetries. */
  readonly align: 'none' | 'random' | readonly SymmetryKind[];
  /** 'mixed': by the shares of the weights. 'larger': of the network with the larger share. 'own': as they were. */
  readonly labels: 'mixed' | 'larger' | 'own';
  /** Another network of the batch, or a copy of the network itself, changed by `change`. */
  readonly partner?: 'other' | 'self';
  /** Done to all networks before they are matched; with partner 'self' to the copies alone. */
  readonly change?: Augmentation;
  /** Most sweeps of the matching of a pair; 2 unless said otherwise. */
  readonly sweeps?: number;
  /** Where pairs are matched: in a worker unless said otherwise. */
  readonly matching?: 'worker' | 'inline';
}

/**
 * W = α W_a + (1 − α) · g W_b with α ~ U(0, 1) for each network, in pairs of the batch; g brings b near to a.
 *
 * Letters: B networks, K classes, n neurons of a space.
 * Source: Zhang et al. 2018, "mixup", arXiv:1710.09412; for weights Shamsian et al. 2024, arXiv:2402.04081; g by
 *   Ainsworth et al. 2023, arXiv:2209.04836.
 * Departs: partners come in pairs, so that one matching serves two networks; 2 sweeps of matching in place of up to 100,
 *   unless said otherwise; symmetries beyond orders where `align` has them.
 */
export function mixup(options: MixupOptions): Mixup {
  const { name, align, labels, partner = 'other', change } = options;
  if (partner === 'self' && (!change || labels !== 'own')) {
    throw new AugmentationError(name, "labels must be 'own' and change be given where the partner is 'self'");
  }
  const hands = new Hands(options);
  return {
    name,
    kind: 'approximate',
    prepare: async (architecture, weights, stream) => {
      const batch = checkStacked(name, architecture, weights);
      const pairing = partner === 'self' ? selfPartners(batch) : randomPartners(batch, stream.split('partners'));
      const changed = change ? await hands.change(change, architecture, weights, stream.split('change')) : weights;
      const own = partner === 'self' ? weights : changed;
      const alpha = stream.split('alpha').uniform([batch], 0, 1);
      const draws = {
        alpha,
        partner: ndarray(pairing.partner, [batch]),
        'label-share': ndarray(shares(alpha.data as Float32Array, labels), [batch]),
        ...(partner === 'self' && withPrefix('copy/', changed)),
        ...withPrefix('element/', await hands.elements(align, architecture, own, changed, pairing, stream)),
      };
      return { weights: own, draws };
    },
    apply: mixWeights,
    close: () => hands.close(),
  };
}

function shares(alpha: Float32Array, labels: MixupOptions['labels']): Float32Array {
  if (labels === 'mixed') return alpha.slice();
  return alpha.map((share) => (labels === 'own' || share >= 0.5 ? 1 : 0));
}

/** What is done outside of the step, with what is made once for each architecture. */
class Hands {
  readonly #options: MixupOptions;
  readonly #matchings = new Map<Architecture, PairMatching>();
  readonly #changes = new Map<Architecture, Compiled<[Tensors, Tensors], Record<string, Tensor>>>();

  constructor(options: MixupOptions) {
    this.#options = options;
  }

  async change(
    augmentation: Augmentation,
    architecture: Architecture,
    weights: NdArrays,
    stream: RandomStream,
  ): Promise<NdArrays> {
    const apply = (w: Tensors, draws: Tensors): Record<string, Tensor> => ({
      ...augmentation.apply(architecture, w, draws),
    });
    const known = this.#changes.get(architecture) ?? compile(apply, { name: this.#options.name });
    this.#changes.set(architecture, known);
    const batch = checkStacked(this.#options.name, architecture, weights);
    return (await known(weights, augmentation.draw(architecture, batch, stream))) as NdArrays;
  }

  /** Elements by network as arrays for `actTensors`. */
  async elements(
    align: MixupOptions['align'],
    architecture: Architecture,
    own: NdArrays,
    others: NdArrays,
    { partner, pairs, element }: Partners,
    stream: RandomStream,
  ): Promise<NdArrays> {
    if (align === 'none') return {};
    if (align === 'random') {
      const drawn = permutation.draw(architecture, partner.length, stream.split('order'));
      return Object.fromEntries(Object.entries(drawn).map(([space, order]) => [`${space}.permutation`, order]));
    }
    const side = (arrays: NdArrays, which: 0 | 1) =>
      mapValues(arrays, (array) =>
        takeRows(
          array,
          pairs.map((pair) => pair[which]),
        ),
      );
    const found = await this.#matching(architecture, align).match(side(own, 0), side(others, 1));
    return mapValues(found, (array) => takeRows(array, element));
  }

  async close(): Promise<void> {
    for (const matching of this.#matchings.values()) await matching.close();
    for (const compiled of this.#changes.values()) await compiled.release();
    this.#matchings.clear();
    this.#changes.clear();
  }

  #matching(architecture: Architecture, kinds: readonly SymmetryKind[]): PairMatching {
    const known = this.#matchings.get(architecture);
    if (known) return known;
    const { sweeps = 2, matching = 'worker', partner } = this.#options;
    const settings = { sweeps, inverses: partner !== 'self' };
    const make = matching === 'worker' ? workerPairMatching : inlinePairMatching;
    const made = make(symmetryGroup(architecture, kinds), settings);
    this.#matchings.set(architecture, made);
    return made;
  }
}

function mixWeights(architecture: Architecture, weights: Tensors, draws: Tensors): Tensors {
  const { alpha, partner } = draws as { readonly alpha: Tensor; readonly partner: Tensor };
  const copies = withoutPrefix('copy/', draws);
  const others =
    Object.keys(copies).length > 0 ? copies : mapValues(weights, (w) => tf.gather(w, partner as tf.Tensor1D));
  const element = withoutPrefix('element/', draws);
  const moved = Object.keys(element).length > 0 ? actTensors(architecture, element, others) : others;
  return Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => {
      const [own, other] = [weights[name]!, moved[name]!];
      const share = tf.reshape(alpha, [own.shape[0]!, ...shape.map(() => 1)]);
      return [name, tf.add(other, tf.mul(tf.sub(own, other), share)) as Tensor];
    }),
  );
}

/**
 * The labels of mixed networks; labels may be soft before, e.g. smoothed.
 *
 *     t[b] = s[b] · t[b] + (1 − s[b]) · t[partner(b)]
 *
 * @param targets_bk probabilities of the classes; shape `[B, K]`
 * @param draws of `prepare`
 */
export function mixLabels(targets_bk: Tensor, draws: Tensors): Tensor {
  const share_b1 = tf.reshape(draws['label-share']!, [targets_bk.shape[0]!, 1]);
  const partner_bk = tf.gather(targets_bk, draws['partner'] as tf.Tensor1D);
  return tf.add(partner_bk, tf.mul(tf.sub(targets_bk, partner_bk), share_b1));
}
