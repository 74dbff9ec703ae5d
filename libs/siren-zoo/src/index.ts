export { fitImages, fitTask } from './fit-images.ts';
export type { FitInput, Member } from './fit-images.ts';
export { generateSirens } from './generate-sirens.ts';
export { architectureOf, projectName, zooName } from './image-zoo.ts';
export type { ImageZoo } from './image-zoo.ts';
export { chunksOf, headerOf, membersOf, SHARD_ROWS } from './plan.ts';
export type { ZooPlan } from './plan.ts';
