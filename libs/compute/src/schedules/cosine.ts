import { checkRate, checkSteps } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/**
 * Half a cosine from `peak` at step 0 to `floor` at step `steps`, then level.
 *
 *     floor + (peak − floor) (1 + cos(π step / steps)) / 2
 *
 * Source: Loshchilov and Hutter 2017, "SGDR", arXiv:1608.03983, equation 5; PyTorch's `CosineAnnealingLR`.
 * Departs: stays at the floor after the end, and never restarts.
 */
export function cosine(peak: number, steps: number, floor = 0): Schedule {
  checkRate('cosine', 'peak', peak);
  checkRate('cosine', 'floor', floor);
  checkSteps('cosine', steps);
  return (step) => floor + ((peak - floor) * (1 + Math.cos(Math.PI * Math.min(step / steps, 1)))) / 2;
}
