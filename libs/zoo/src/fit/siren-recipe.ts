/** @file How images become SIRENs: the published ways, as data that a zoo file records. */

/** Every choice that decides which weights a fit ends with, other than the image and the seed. */
export interface SirenRecipe {
  readonly name: string;
  /** Neurons per layer, from coordinates to grey value. */
  readonly sizes: readonly number[];
  /** ω₀ of sin(ω₀(Wx + b)), in every hidden layer. */
  readonly omega: number;
  /** An initialization of libs/architecture. */
  readonly initialization: string;
  /** Added to the network's output. */
  readonly outputOffset: number;
  /** Grey values that black and white are fitted as. */
  readonly imageRange: readonly [number, number];
  /** Row and column of a pixel, each from −1 (centre of the first) to 1 (centre of the last), in this order. */
  readonly coordinates: 'row-column';
  readonly steps: number;
  /** Adam; the rate rises linearly for `warmUp` steps, then falls as a cosine from `rate` to `rate · floor`. */
  readonly rate: number;
  readonly warmUp: number;
  readonly floor: number;
  readonly beta1: number;
  readonly beta2: number;
  /** `image`: each image's own start, from the seed and its index; `shared`: one start for all, which makes metanets' work far easier. */
  readonly start: 'image' | 'shared';
}

const common = {
  sizes: [2, 32, 32, 1],
  omega: 30,
  coordinates: 'row-column',
  beta1: 0.9,
  start: 'image',
} as const;

/**
 * The initialization and the target of DWSNets' zoo.
 *
 * Source: Navon et al. 2023, "Equivariant Architectures for Learning in Deep Weight Spaces", arXiv:2301.12780: no special
 * first layer, zero biases, output + 0.5, images in [0, 1].
 * Departs: 1,500 steps with β₂ = 0.99, a warm-up and a decaying rate in place of 1,000 at a constant one, which leaves
 * this initialization below 30 dB. A higher rate reaches 31 dB sooner (1e-2: 32 dB after 1,000 steps), but moves the
 * weights further from where their function shows: metanets without probes learn less from them.
 */
export const dwsRecipe: SirenRecipe = {
  ...common,
  name: 'dws',
  initialization: 'dws-siren',
  outputOffset: 0.5,
  imageRange: [0, 1],
  steps: 1500,
  rate: 5e-4,
  warmUp: 50,
  floor: 0.01,
  beta2: 0.99,
};

/**
 * The initialization and the target of NFN's zoo.
 *
 * Source: Zhou et al. 2023, "Permutation Equivariant Neural Functionals", arXiv:2302.14040: standard SIREN, images in [−1, 1].
 * Departs: Adam at 1e-3 for 400 steps in place of 5e-5 for 5,000.
 */
export const nfnRecipe: SirenRecipe = {
  ...common,
  name: 'nfn',
  initialization: 'siren',
  outputOffset: 0,
  imageRange: [-1, 1],
  steps: 400,
  rate: 1e-3,
  warmUp: 0,
  floor: 1,
  beta2: 0.999,
};

export const sirenRecipes: { readonly [name: string]: SirenRecipe } = { dws: dwsRecipe, nfn: nfnRecipe };

/** The learning rate at a step, counted from 0. */
export function sirenRate(recipe: SirenRecipe, step: number): number {
  const { rate, warmUp, floor, steps } = recipe;
  const rise = warmUp > 0 ? Math.min(1, (step + 1) / warmUp) : 1;
  const fall = floor + (1 - floor) * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
  return rate * rise * fall;
}
