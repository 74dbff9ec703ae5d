export { AlignmentError } from './alignment-error.ts';
export { matchWeights } from './weights/match-weights.ts';
export type { WeightMatch, WeightMatchAttempt, WeightMatchOptions } from './weights/match-weights.ts';
export { PairMatcher } from './pairs/pair-matcher.ts';
export type { PairMatchOptions } from './pairs/pair-matcher.ts';
export { inlinePairMatching, workerPairMatching } from './pairs/pair-matching.ts';
export type { PairMatching } from './pairs/pair-matching.ts';
export { interpolate, interpolationBarrier } from './barrier/interpolation-barrier.ts';
export type { InterpolationBarrier, InterpolationCase } from './barrier/interpolation-barrier.ts';
