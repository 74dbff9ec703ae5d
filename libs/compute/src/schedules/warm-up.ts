import { checkSteps } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/**
 * Rises in `steps` equal parts to the first rate of `then`, which goes on from there with its own step 0.
 *
 * The first update already moves: its rate is 1/steps of the full one.
 */
export function warmUp(steps: number, then: Schedule): Schedule {
  if (steps === 0) return then;
  checkSteps('warmUp', steps);
  return (step) => (step < steps ? (then(0) * (step + 1)) / steps : then(step - steps));
}
