/** @file A checkpoint with the network that its tensors are the parameters of. */
import { readFileSync } from 'node:fs';

import type { Architecture, LabelledNetwork } from '@weightspace/architecture';
import { loadNetwork, openCheckpoint, recognizeCheckpoint, recognizeOnnx } from '@weightspace/checkpoint';
import type { Checkpoint, RecognizeOptions } from '@weightspace/checkpoint';
import { ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { UsageError } from '../exit.ts';

/** What a file may not say of its network. */
export interface NetworkOptions {
  /** Path of an architecture as JSON. */
  readonly architecture?: string;
  readonly heads?: number;
  readonly positions?: readonly number[];
  readonly activation?: string;
}

export interface FoundNetwork {
  readonly network: LabelledNetwork;
  /** Where our forward pass computes the network; of an ONNX file undefined. */
  readonly architecture: Architecture | undefined;
  /** What the network was found from. */
  readonly foundFrom: string;
  /** What is assumed, and what was fixed because the recognition knows no better. */
  readonly notes: readonly string[];
}

export interface OpenNetwork extends FoundNetwork {
  readonly checkpoint: Checkpoint;
  /** Values as float32; other types are rounded to it. */
  readonly params: NdArrays;
}

/**
 * The network in a checkpoint: from its ONNX graph, its Keras configuration, its names and shapes, or `architecture`.
 *
 * @throws {RecognitionError} when the file doesn't say what network it holds
 * @throws {UsageError} when the architecture can't be read
 */
export async function findNetwork(checkpoint: Checkpoint, options: NetworkOptions): Promise<FoundNetwork> {
  if (checkpoint.format === 'onnx' && options.architecture === undefined) {
    const network = await recognizeOnnx(checkpoint.file);
    const notes = network.frozen.map((entry) => `fixed: ${JSON.stringify(entry)}`);
    return { network, architecture: undefined, foundFrom: 'its ONNX graph', notes };
  }
  const { architecture, scheme, notes } = recognizeCheckpoint(checkpoint, recognizeOptions(options));
  return { network: architecture, architecture, foundFrom: fromScheme(scheme, options), notes };
}

/** @throws {RecognitionError | UsageError | CheckpointError} as `findNetwork`, or when values can't be read */
export async function openNetwork(file: string, options: NetworkOptions): Promise<OpenNetwork> {
  const checkpoint = await openCheckpoint(file);
  if (checkpoint.format === 'onnx' && options.architecture === undefined) {
    const found = await findNetwork(checkpoint, options);
    const entries = found.network.parameters.map(({ name }) => [
      name,
      float32(checkpoint.tensor(name).ndarray({ lossy: true })),
    ]);
    return { ...found, checkpoint, params: Object.fromEntries(entries) as NdArrays };
  }
  const loaded = await loadNetwork(checkpoint, { ...recognizeOptions(options), lossy: true });
  const { architecture, scheme, notes, parameters: params } = loaded;
  return { network: architecture, architecture, foundFrom: fromScheme(scheme, options), notes, checkpoint, params };
}

const float32 = ({ data, shape }: NdArray): NdArray<'float32'> =>
  ndarray(data instanceof Float32Array ? data : Float32Array.from(data), shape);

const fromScheme = (scheme: string, { architecture }: NetworkOptions): string =>
  architecture ?? `its names and shapes: ${scheme}`;

export function recognizeOptions({ architecture, heads, positions, activation }: NetworkOptions): RecognizeOptions {
  return {
    ...(architecture !== undefined && { architecture: readJson(architecture) }),
    ...(heads !== undefined && { heads }),
    ...(positions !== undefined && { positions }),
    ...(activation !== undefined && { activation: activation as NonNullable<RecognizeOptions['activation']> }),
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(
      `--architecture ${path}: it must be a JSON file of the schema weightspace-architecture/1, got: ${reason}`,
      { cause },
    );
  }
}
