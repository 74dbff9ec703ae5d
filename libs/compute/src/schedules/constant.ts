import { checkRate } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/** The same rate at every step. */
export function constant(rate: number): Schedule {
  checkRate('constant', 'rate', rate);
  return () => rate;
}
