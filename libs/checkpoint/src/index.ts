export { Checkpoint } from './checkpoint.ts';
export type { CheckpointFormat, OpenOptions, SkippedItem } from './checkpoint.ts';
export { CheckpointError } from './checkpoint-error.ts';
export type { CheckpointProblem } from './checkpoint-error.ts';
export { ELEMENT_BYTES } from './dtypes.ts';
export type { TensorArray, TensorData, TensorDType } from './dtypes.ts';
export { openCheckpoint } from './open-checkpoint.ts';
export { CheckpointTensor, tensorOf } from './tensor.ts';
export type { NdArrayOptions, Quantization, TensorLocation, WritableTensor } from './tensor.ts';
export { writeNpz } from './writers/write-npz.ts';
export { writeOnnx } from './writers/write-onnx.ts';
export type { WriteOnnxOptions } from './writers/write-onnx.ts';
export { writeSafetensors } from './writers/write-safetensors.ts';

export { actOn, bytesWith, errorBetween, parametersOf, verifyOnnx } from './recognize/onnx/verify-onnx.ts';
export type { Verification, VerifyOptions } from './recognize/onnx/verify-onnx.ts';
export { readyModel, recognizeModel, recognizeOnnx } from './recognize/onnx/recognize-onnx.ts';
export type { ReadyModel } from './recognize/onnx/recognize-onnx.ts';
export type { OnnxLayer, OnnxNetwork } from './recognize/onnx/network.ts';
export type { Frozen } from './recognize/onnx/labeller.ts';
export { RecognitionError } from './recognize/onnx/recognition-error.ts';

export { kerasLayers, recognizeKeras } from './recognize/keras/recognize-keras.ts';
export { loadNetwork, recognizeCheckpoint, toCheckpoint } from './recognize/state-dict/load-network.ts';
export type { LoadedNetwork, LoadNetworkOptions } from './recognize/state-dict/load-network.ts';
export type { RecognizeOptions } from './recognize/state-dict/options.ts';
export { recognizeStateDict, stateDictSchemes } from './recognize/state-dict/recognize-state-dict.ts';
export type { ParameterSource, RecognizedNetwork, Step } from './recognize/state-dict/recognized-network.ts';
export type { NamedTensor } from './recognize/state-dict/state-dict.ts';
