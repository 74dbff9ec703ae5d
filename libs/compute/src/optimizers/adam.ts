import { adaptiveMoments } from './adaptive-moments.ts';
import type { AdamOptions } from './adaptive-moments.ts';
import type { Optimizer } from './optimizer.ts';

/**
 * Adam.
 *
 *     g ← g + λ p;   m ← β₁ m + (1−β₁) g;   v ← β₂ v + (1−β₂) g²
 *     p ← p − rate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε)
 *
 * State: `step` (scalar), `m.<name>`, `v.<name>`, with amsgrad `vmax.<name>`; the moments without the factors (1−β).
 * @param options PyTorch's defaults: β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no weight decay, no amsgrad
 * @throws {RangeError} when an option is out of range
 * Source: Kingma and Ba 2015, "Adam", arXiv:1412.6980, algorithm 1; PyTorch's `Adam`.
 * Departs: nothing in the result; the stored moments are PyTorch's divided by 1−β₁ and 1−β₂.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, amsgrad = false } = options;
  return adaptiveMoments({ name: 'adam', beta1, beta2, epsilon, weightDecay, amsgrad, decoupled: false });
}
