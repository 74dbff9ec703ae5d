export { tf } from './tf.ts';
export type { Tensor } from './tf.ts';
export {
  fromTensor,
  mapValues,
  ndarray,
  rows,
  scalar,
  sizeOf,
  takeRows,
  toTensor,
  withoutPrefix,
  withPrefix,
  zeros,
} from './nd-array.ts';
export type { DType, NdArray, NdArrays, Tensors } from './nd-array.ts';
export { RandomStream } from './random-stream.ts';
export type { RandomState } from './random-stream.ts';
export { countDrawn } from './shape-stream.ts';
export { compile, exportOnnx } from './compile/compile.ts';
export type { Compiled, CompileOptions, CompileStatistics } from './compile/compile.ts';
export { ArgumentError } from './compile/check-arguments.ts';
export { DeviceError, devices, deviceSettings, setDevice } from './compile/device.ts';
export type { Device, DeviceSettings } from './compile/device.ts';
export { ExecutionError } from './compile/session.ts';
export { registerTraceKernel, TraceError } from './trace/trace-backend.ts';
export type { TraceKernel } from './trace/trace-backend.ts';
export type { Outside, Tree } from './tree.ts';
export { bindShapes, ShapeError } from './shape-error.ts';
export type { Dim, ShapeRow } from './shape-error.ts';
export { countParameters, findNonFinite, flatten, ParameterError, sameBits, unflatten } from './parameters.ts';
export { valueAndGrads } from './value-and-grads.ts';
export { withoutGradient } from './without-gradient.ts';
export { sgd } from './optimizers/sgd.ts';
export type { SgdOptions } from './optimizers/sgd.ts';
export { adam } from './optimizers/adam.ts';
export { adamW } from './optimizers/adam-w.ts';
export type { AdamOptions } from './optimizers/adaptive-moments.ts';
export type { Optimizer, Rate, Updated } from './optimizers/optimizer.ts';
export { clipByGlobalNorm, clipByValue, globalNorm } from './optimizers/clip.ts';
export { chain } from './schedules/chain.ts';
export { constant } from './schedules/constant.ts';
export { cosine } from './schedules/cosine.ts';
export { linear } from './schedules/linear.ts';
export { warmUp } from './schedules/warm-up.ts';
export type { Schedule } from './schedules/schedule.ts';
export { bfloatToNumber, e4m3ToNumber, halfToNumber } from './safetensors-convert.ts';
export { loadSafetensors, readSafetensors, readSafetensorsHeader, saveSafetensors } from './safetensors.ts';
export type { SafetensorsFile } from './safetensors.ts';
export { SafetensorsError } from './safetensors-header.ts';
export type { SafetensorsEntry, SafetensorsHeader } from './safetensors-header.ts';
export { assertClose, MismatchError } from './testing/assert-close.ts';
export type { Tolerance } from './testing/assert-close.ts';
export type { Benchmark, Prepared, TorchRun } from './testing/benchmark.ts';
export { deadInputs, gradientError } from './testing/gradient-checks.ts';
export { stackedConv2d } from './stacked/stacked-conv2d.ts';
export type { StackedConv2dOptions } from './stacked/stacked-conv2d.ts';
export { stackedConv2dChannelsLast } from './stacked/stacked-conv2d-channels-last.ts';
export { stackedLinear } from './stacked/stacked-linear.ts';
export { stackedPointMlp } from './stacked/stacked-point-mlp.ts';
export type { PointLayer } from './stacked/stacked-point-mlp.ts';
export { openOnnx, OnnxRunError, runOnnx } from './onnx/run-onnx.ts';
export type { OnnxArray, OnnxData, OnnxElementType, OnnxInput, OnnxRunner } from './onnx/run-onnx.ts';
