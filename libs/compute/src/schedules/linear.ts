import { checkRate, checkSteps } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/**
 * A straight line from `from` at step 0 to `to` at step `steps`, then level.
 *
 * Source: PyTorch's `LinearLR`.
 */
export function linear(from: number, to: number, steps: number): Schedule {
  checkRate('linear', 'from', from);
  checkRate('linear', 'to', to);
  checkSteps('linear', steps);
  return (step) => from + (to - from) * Math.min(step / steps, 1);
}
