export { activations, drawSmallCnn, ranges, smallCnn, smallCnnZoo } from './small-cnns.ts';
