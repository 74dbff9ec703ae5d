export { Checkpoint } from './checkpoint.ts';
export type { CheckpointFormat, OpenOptions, SkippedItem } from './checkpoint.ts';
export { CheckpointError } from './checkpoint-error.ts';
export type { CheckpointProblem } from './checkpoint-error.ts';
export { ELEMENT_BYTES } from './dtypes.ts';
export type { TensorArray, TensorData, TensorDType } from './dtypes.ts';
export { openCheckpoint } from './open-checkpoint.ts';
export { CheckpointTensor, tensorOf } from './tensor.ts';
export type { NdArrayOptions, Quantization, TensorLocation, WritableTensor } from './tensor.ts';
