export { activations, drawSmallCnn, ranges, smallCnn, smallCnnZoo } from './small-cnns.ts';
export type { CnnSettings } from './small-cnns.ts';
