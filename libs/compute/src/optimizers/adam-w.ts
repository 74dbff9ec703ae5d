import { adaptiveMoments } from './adaptive-moments.ts';
import type { AdamOptions } from './adaptive-moments.ts';
import type { Optimizer } from './optimizer.ts';

/**
 * Adam with weight decay that doesn't pass through the moments.
 *
 *     p ← (1 − rate · λ) p, then Adam's step on the plain gradient
 *
 * State: as Adam's.
 * @param options PyTorch's defaults: β₁ = 0.9, β₂ = 0.999, ε = 1e-8, weight decay λ = 0.01, no amsgrad
 * @throws {RangeError} when an option is out of range
 * Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2; PyTorch's `AdamW`.
 * Departs: decay is multiplied by the rate, as in PyTorch and not as in the paper.
 */
export function adamW(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, amsgrad = false } = options;
  return adaptiveMoments({ name: 'adamW', beta1, beta2, epsilon, weightDecay, amsgrad, decoupled: true });
}
