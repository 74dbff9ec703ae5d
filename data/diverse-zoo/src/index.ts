export { diverseZoo, drawDiverseRun, ranges } from './diverse-zoo.ts';
export { families, familyNames } from './families.ts';
export type { Family } from './families.ts';
