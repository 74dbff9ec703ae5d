export { architectureOf, fitWaves, waveOf, waveRecipe } from './fit-waves.ts';
export type { WaveInput, WaveRecipe } from './fit-waves.ts';
export { chunksOf, headerOf, SHARD_ROWS } from './plan.ts';
export type { WavePlan } from './plan.ts';
