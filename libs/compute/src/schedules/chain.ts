import { checkSteps } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/**
 * One schedule after another; each counts its own steps from 0, and the last has no end.
 *
 *     chain([100, linear(0, 1e-3, 100)], [900, cosine(1e-3, 900)], constant(1e-5))
 */
export function chain(...parts: readonly [...(readonly [steps: number, schedule: Schedule])[], Schedule]): Schedule {
  const last = parts.at(-1) as Schedule;
  const before = parts.slice(0, -1) as readonly (readonly [number, Schedule])[];
  for (const [steps] of before) checkSteps('chain', steps);
  return (step) => {
    let from = 0;
    for (const [steps, schedule] of before) {
      if (step < from + steps) return schedule(step - from);
      from += steps;
    }
    return last(step - from);
  };
}
