/** @file What `weightspace permute` does. */
import { ELEMENT_BYTES, loadNetwork, openCheckpoint, recognizeOnnx, toCheckpoint } from '@weightspace/checkpoint';
import type { Checkpoint, CheckpointTensor, WritableTensor } from '@weightspace/checkpoint';
import { ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';
import { act, permutationGroup, randomElement } from '@weightspace/symmetry';

import { recognizeOptions } from './open-network.ts';
import type { NetworkOptions } from './open-network.ts';
import { order } from './table.ts';
import { checkEnding, writeTensors } from './write-tensors.ts';

export interface PermuteOptions extends NetworkOptions {
  readonly seed: number;
}

interface Permuted {
  readonly tensors: readonly WritableTensor[];
  readonly log10Order: number;
}

/** @returns what was written */
export async function permuteFile(file: string, out: string, options: PermuteOptions): Promise<string> {
  checkEnding(out);
  const checkpoint = await openCheckpoint(file);
  try {
    const graph = checkpoint.format === 'onnx' && options.architecture === undefined;
    const { tensors, log10Order } = await (graph
      ? permuteOnnx(checkpoint, options)
      : permuteNamed(checkpoint, options));
    writeTensors(out, tensors, graph ? file : undefined);
    return `${out}: one of ${order(log10Order)} orders of its neurons, with the same function (seed ${options.seed})`;
  } finally {
    checkpoint.close();
  }
}

async function permuteNamed(checkpoint: Checkpoint, options: PermuteOptions): Promise<Permuted> {
  const network = await loadNetwork(checkpoint, { ...recognizeOptions(options), lossy: true });
  const group = permutationGroup(network.architecture);
  const g = randomElement(group, RandomStream.fromSeed(options.seed));
  const tensors = toCheckpoint(network, act(network.architecture, g, network.parameters));
  return { tensors, log10Order: group.log10Order };
}

/** Bytes change places, so that numbers of every type, quantized ones too, stay as they are. */
async function permuteOnnx(checkpoint: Checkpoint, { seed }: PermuteOptions): Promise<Permuted> {
  const network = await recognizeOnnx(checkpoint.file);
  const group = permutationGroup(network);
  const places = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, numbered(shape)]));
  const moved = act(network, randomElement(group, RandomStream.fromSeed(seed)), places);
  const tensors = network.parameters.map(({ name }) => permuted(checkpoint.tensor(name), moved[name]!));
  return { tensors, log10Order: group.log10Order };
}

/** Each number's place, so that the result says where each comes from. */
function numbered(shape: readonly number[]): NdArray<'int32'> {
  const size = shape.reduce((product, n) => product * n, 1);
  return ndarray(
    Int32Array.from({ length: size }, (_, i) => i),
    shape,
  );
}

function permuted(tensor: CheckpointTensor, from: NdArray): WritableTensor {
  const { name, dtype, shape } = tensor;
  const bytes = () => {
    const old = tensor.bytes();
    const width = ELEMENT_BYTES[dtype];
    const moved = new Uint8Array(old.length);
    from.data.forEach((place, i) => moved.set(old.subarray(place * width, (place + 1) * width), i * width));
    return moved;
  };
  return { name, dtype, shape, bytes };
}
