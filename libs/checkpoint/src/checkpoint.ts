/** @file An opened checkpoint: its tensors by name, and what else the file says. */
import { CheckpointError, show } from './checkpoint-error.ts';
import type { CheckpointTensor } from './tensor.ts';

/** What a file turned out to be, by its contents. */
export type CheckpointFormat =
  | 'safetensors'
  | 'pytorch'
  | 'pytorch-legacy'
  | 'npy'
  | 'npz'
  | 'keras-h5'
  | 'keras'
  | 'hdf5'
  | 'tfjs-layers'
  | 'tfjs-graph'
  | 'onnx'
  | 'flax';

/** Something in the file that is no tensor of numbers, such as an array of texts. */
export interface SkippedItem {
  readonly name: string;
  readonly reason: string;
}

export interface OpenOptions {
  /**
   * Most bytes that a tensor may take in memory beyond those that stand for it in the file; default 256 MiB. It stops
   * compressed files and repeating views that would fill the memory.
   */
  readonly expansionLimit?: number;
  /**
   * Objects in a pickle whose class isn't known: 'refuse' the file (unless said otherwise), or read them as 'inert' values,
   * whose fields go to `metadata`. Nothing of a pickle is ever executed, either way.
   */
  readonly unknownClasses?: 'refuse' | 'inert';
}

export const EXPANSION_LIMIT = 2 ** 28;

/** What a reader found. */
export interface CheckpointContents {
  readonly format: CheckpointFormat;
  readonly tensors: readonly CheckpointTensor[];
  /** Texts and numbers beside the tensors: safetensors' metadata, `epoch` of a training checkpoint, ONNX's producer. */
  readonly metadata?: { readonly [key: string]: string };
  /** The parsed JSON that describes the model: Keras's and TFJS's configuration. */
  readonly config?: unknown;
  readonly skipped?: readonly SkippedItem[];
  /** Releases what the file needed beside itself. */
  readonly close?: () => void;
}

/** Named tensors in the order of the file. */
export class Checkpoint {
  readonly file: string;
  readonly format: CheckpointFormat;
  readonly tensors: readonly CheckpointTensor[];
  readonly metadata: { readonly [key: string]: string };
  readonly config: unknown;
  readonly skipped: readonly SkippedItem[];
  readonly #byName: ReadonlyMap<string, CheckpointTensor>;
  readonly #close: () => void;

  constructor(file: string, contents: CheckpointContents) {
    const { format, tensors, metadata = {}, config, skipped = [], close = () => {} } = contents;
    this.file = file;
    this.format = format;
    this.tensors = tensors;
    this.metadata = metadata;
    this.config = config;
    this.skipped = skipped;
    this.#byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    this.#close = close;
    if (this.#byName.size < tensors.length) {
      const seen = new Set<string>();
      const twice = tensors.find(({ name }) => seen.size === seen.add(name).size)!;
      const [expected, remedy] = ['every name once', 'rename one of the two tensors'];
      throw new CheckpointError({ file, at: twice.at, expected, found: `'${show(twice.name)}' twice`, remedy });
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws {CheckpointError} when the file has no tensor of this name */
  tensor(name: string): CheckpointTensor {
    const found = this.#byName.get(name);
    if (found) return found;
    const names = this.tensors.slice(0, 5).map((tensor) => tensor.name);
    throw new CheckpointError({
      file: this.file,
      expected: `a tensor '${show(name)}'`,
      found: `${this.tensors.length} others${names.length > 0 ? `, such as ${show(names.join(', '), 200)}` : ''}`,
      remedy: 'take a name from `tensors`',
    });
  }

  /** Releases an HDF5 file (`.h5`, `.keras`), whose tensors can't be read any more; the other formats hold nothing. */
  close(): void {
    this.#close();
  }
}
