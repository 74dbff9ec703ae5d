export { architectureOf, fitDigits, TEST_OFFSET } from './fit-digits.ts';
export type { FitInput, Member } from './fit-digits.ts';
export { chunksOf, GENERATOR, headerOf, membersOf, SHARD_ROWS } from './plan.ts';
export type { ZooPlan } from './plan.ts';
