export { readChecked } from './checked-file.ts';
export { DatasetError } from './dataset-error.ts';
export { readIdx } from './idx.ts';
export type { IdxArray } from './idx.ts';
export type { ImageSet, ImageSetReader } from './image-set.ts';
export { imageSetNames, loadImageSet } from './image-sets.ts';
export { loadMnist, mnistFolder } from './mnist.ts';
