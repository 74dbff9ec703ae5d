/** @file The network in a user's file, as one of the architectures that a predictor knows where that is possible. */
import type { Architecture } from '@weightspace/architecture';
import { loadNetwork, openCheckpoint, RecognitionError } from '@weightspace/checkpoint';
import type { Checkpoint, RecognizeOptions } from '@weightspace/checkpoint';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import { mapValues } from '@weightspace/compute';

export interface ReadNetwork {
  readonly architecture: Architecture;
  /** `[1, …shape]` */
  readonly weights: NdArrays;
  /** Whether the architecture is one of those known. */
  readonly known: boolean;
  /** What was assumed. */
  readonly notes: readonly string[];
}

export interface ReadOptions extends RecognizeOptions {
  /** Name of the known architecture, where several have the same shapes. */
  readonly among?: string;
}

/**
 * Tries the known architectures first, by names of parameters or by their order; then recognizes the file by itself.
 *
 * @throws {CheckpointError} when the file can't be read
 * @throws {RecognitionError} when nothing fits
 * @throws {UsageError} when `among` is no known architecture that fits
 */
export async function readNetwork(
  file: string,
  architectures: readonly Architecture[],
  { among, ...options }: ReadOptions = {},
): Promise<ReadNetwork> {
  const checkpoint = await openCheckpoint(file);
  try {
    const own = await recognized(checkpoint, options);
    const fitting = await fittingOf(checkpoint, architectures, own, options);
    const chosen = among === undefined ? fitting[0] : fitting.find(({ architecture }) => architecture.name === among);
    if (among !== undefined && !chosen) {
      const names = fitting.map(({ architecture }) => architecture.name).join(', ') || 'none';
      throw new UsageError(`--architecture: must be one that fits ${file} (${names}), got '${among}'`);
    }
    if (chosen) {
      const others = fitting.filter((one) => one !== chosen).map(({ architecture }) => architecture.name);
      const doubt = others.length === 0 ? [] : [doubtOf(chosen.architecture, others)];
      return { ...chosen, weights: stacked(chosen.weights), known: true, notes: [...chosen.notes, ...doubt] };
    }
    if (own instanceof RecognitionError) throw own;
    return { architecture: own.architecture, weights: stacked(own.weights), known: false, notes: own.notes };
  } finally {
    checkpoint.close();
  }
}

const doubtOf = ({ name }: Architecture, others: readonly string[]): string => {
  const shown =
    others.length > 4 ? `${others.slice(0, 4).join(', ')} and ${others.length - 4} more` : others.join(', ');
  return `taken for '${name}'; ${shown} have the same shapes: name one with --architecture`;
};

const stacked = (weights: NdArrays): NdArrays =>
  mapValues(weights, (array): NdArray => ({ ...array, shape: [1, ...array.shape] }));

interface Found {
  readonly architecture: Architecture;
  readonly weights: NdArrays;
  readonly notes: readonly string[];
}

async function recognized(checkpoint: Checkpoint, options: RecognizeOptions): Promise<Found | RecognitionError> {
  try {
    const { architecture, parameters, notes } = await loadNetwork(checkpoint, { ...options, lossy: true });
    return { architecture, weights: parameters, notes };
  } catch (error) {
    if (error instanceof RecognitionError) return error;
    throw error;
  }
}

/** Known architectures with the file's shapes; those with its activations only, where the file says which. */
async function fittingOf(
  checkpoint: Checkpoint,
  architectures: readonly Architecture[],
  own: Found | RecognitionError,
  options: RecognizeOptions,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const architecture of architectures) {
    if (own instanceof RecognitionError || own.architecture.parameters.length !== architecture.parameters.length) {
      const loaded = await recognized(checkpoint, { ...options, architecture: architecture.spec });
      if (!(loaded instanceof RecognitionError)) found.push({ ...loaded, architecture });
      continue;
    }
    const weights = inOrder(architecture, own);
    if (weights && sameActivations(architecture, own.architecture)) found.push({ architecture, weights, notes: [] });
  }
  return found;
}

/** The file's parameters under the architecture's names. */
function inOrder(architecture: Architecture, { architecture: from, weights }: Found): NdArrays | undefined {
  const pairs = architecture.parameters.map(({ name, shape }, i) => [name, shape, from.parameters[i]!] as const);
  if (pairs.some(([, shape, other]) => other.shape.join() !== shape.join())) return undefined;
  return Object.fromEntries(pairs.map(([name, , other]) => [name, weights[other.name]!]));
}

const hiddenActivations = ({ spaces }: Architecture): string[] =>
  spaces.filter(({ free }) => free).map(({ activation }) => activation.kind);

const sameActivations = (a: Architecture, b: Architecture): boolean => {
  const [own, other] = [hiddenActivations(a), hiddenActivations(b)];
  return own.length === other.length && own.every((kind, i) => other[i] === 'unknown' || other[i] === kind);
};
