/** @file A network in memory from a checkpoint, and back under the checkpoint's own names. */
import { sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import type { Checkpoint } from '../../checkpoint.ts';
import { openCheckpoint } from '../../open-checkpoint.ts';
import type { NdArrayOptions, WritableTensor } from '../../tensor.ts';
import { recognizeKeras } from '../keras/recognize-keras.ts';
import { RecognitionError } from '../onnx/recognition-error.ts';
import { encodeFloats } from './encode-floats.ts';
import type { RecognizeOptions } from './options.ts';
import { sourceIndices } from './rearrange.ts';
import type { ParameterSource, RecognizedNetwork } from './recognized-network.ts';
import { recognizeStateDict } from './recognize-state-dict.ts';

/** A recognized network with the values of its parameters, in the architecture's layout. */
export interface LoadedNetwork extends RecognizedNetwork {
  readonly parameters: NdArrays;
  readonly checkpoint: Checkpoint;
}

export type LoadNetworkOptions = RecognizeOptions & NdArrayOptions;

/**
 * The network in a checkpoint, from its Keras configuration where it has one, else from names and shapes.
 *
 * @throws {RecognitionError} when it isn't recognized
 */
export function recognizeCheckpoint(checkpoint: Checkpoint, options: RecognizeOptions = {}): RecognizedNetwork {
  const { config, tensors, format } = checkpoint;
  if (options.architecture === undefined && config !== undefined && format !== 'tfjs-graph') {
    return recognizeKeras(config, tensors, options);
  }
  return recognizeStateDict(tensors, options);
}

/**
 * The architecture and the parameters in a checkpoint.
 *
 *     const { architecture, parameters } = await loadNetwork('resnet18.pt');
 *     forward(architecture, mapValues(parameters, toTensor), images);
 *
 * @param file a path, or what `openCheckpoint` gave
 * @throws {RecognitionError} when it isn't recognized
 * @throws {CheckpointError} when it can't be read, or (unless `lossy`) a value isn't a float32
 */
export async function loadNetwork(file: string | Checkpoint, options: LoadNetworkOptions = {}): Promise<LoadedNetwork> {
  const checkpoint = typeof file === 'string' ? await openCheckpoint(file) : file;
  const recognized = recognizeCheckpoint(checkpoint, options);
  const shapes = new Map(recognized.architecture.parameters.map(({ name, shape }) => [name, shape]));
  const parameters = Object.fromEntries(
    recognized.sources.map((source) => {
      const shape = shapes.get(source.parameter)!;
      return [source.parameter, valuesOf(checkpoint, source, shape, options)];
    }),
  );
  return { ...recognized, parameters, checkpoint };
}

function valuesOf(
  checkpoint: Checkpoint,
  source: ParameterSource,
  shape: readonly number[],
  options: NdArrayOptions,
): NdArray {
  if (source.tensor === undefined) {
    return { dtype: 'float32', shape, data: new Float32Array(sizeOf(shape)).fill(source.constant ?? 0) };
  }
  const stored = checkpoint.tensor(source.tensor).ndarray(options);
  const values = stored.data as Float32Array;
  const indices = sourceIndices(stored.shape, source.steps);
  const data = indices ? Float32Array.from(indices, (i) => values[i]!) : Float32Array.from(values);
  return { dtype: 'float32', shape, data };
}

/**
 * All tensors of the checkpoint, in its order and under its names, dtypes and layout, with these values for the network's
 * parameters. What isn't one is as it is in the file.
 *
 * @throws {RecognitionError} when values don't fit, or a parameter that the file hasn't is no longer what it stands for
 */
export function toCheckpoint(network: LoadedNetwork, parameters: NdArrays = network.parameters): WritableTensor[] {
  const arrays = new Map<string, Float32Array>();
  for (const source of network.sources) {
    const values = checked(network, source, parameters[source.parameter]);
    if (source.tensor === undefined) continue;
    const { shape } = network.checkpoint.tensor(source.tensor);
    const array = arrays.get(source.tensor) ?? new Float32Array(sizeOf(shape));
    const indices = sourceIndices(shape, source.steps);
    if (indices) indices.forEach((at, i) => (array[at] = values[i]!));
    else array.set(values);
    for (const name of [source.tensor, ...source.copies]) arrays.set(name, array);
  }
  return network.checkpoint.tensors.map((tensor) => {
    const { name, dtype, shape } = tensor;
    const array = arrays.get(name);
    if (!array) return { name, dtype, shape, bytes: () => tensor.bytes() };
    return { name, dtype, shape, bytes: () => encodeFloats(dtype, array, name) };
  });
}

function checked({ architecture }: LoadedNetwork, source: ParameterSource, array: NdArray | undefined): Float32Array {
  const { parameter, constant, tensor } = source;
  const { shape } = architecture.parameters.find(({ name }) => name === parameter)!;
  const values = array?.data;
  if (!(values instanceof Float32Array) || array!.shape.join() !== shape.join()) {
    const found = array ? `${array.dtype} [${array.shape.join(', ')}]` : 'none';
    throw new RecognitionError('toCheckpoint', `parameter '${parameter}'`, `be float32 [${shape.join(', ')}]`, found);
  }
  const wrong = tensor === undefined ? values.find((value) => value !== constant) : undefined;
  if (wrong === undefined) return values;
  const expected = `stay ${constant}, since the file has no tensor for it`;
  throw new RecognitionError('toCheckpoint', `parameter '${parameter}'`, expected, `${wrong}`);
}
