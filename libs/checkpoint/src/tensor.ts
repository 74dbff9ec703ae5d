/** @file One named tensor of a checkpoint: what the file says about it, and its values when they are asked for. */
import { sizeOf } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';

import { asNdArray, decode, encode } from './decode.ts';
import { ELEMENT_BYTES } from './dtypes.ts';
import type { TensorData, TensorDType } from './dtypes.ts';

/** Where a tensor's values stand as they are, uncompressed. Two tensors with equal locations are one: tied weights. */
export interface TensorLocation {
  readonly file: string;
  /** Byte of the file at which the values begin. */
  readonly offset: number;
  /** How many bytes of the file hold them. */
  readonly bytes: number;
  /** Elements from one index to the next along each axis, where they aren't row-major. */
  readonly strides?: readonly number[];
  readonly bigEndian?: boolean;
}

/** How integers stand for real numbers: value = stored · scale + min. */
export interface Quantization {
  readonly dtype: TensorDType;
  readonly scale: number;
  readonly min: number;
}

/** What a writer needs of a tensor. */
export interface WritableTensor {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  /** The values, little-endian and row-major. */
  bytes(): Uint8Array;
}

export interface NdArrayOptions {
  /** Whether values may change to the nearest float32 where none of float32, int32 and bool holds them; default no. */
  readonly lossy?: boolean;
}

/** What a reader knows of a tensor. */
export interface TensorFacts {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  /** Where it is within the file as its format says it: a zip entry, an HDF5 path, a node of a graph. */
  readonly at?: string | undefined;
  readonly location?: TensorLocation | undefined;
  readonly quantization?: Quantization | undefined;
}

/** A tensor of a checkpoint. Its values are read from the file each time that they are asked for; nothing is kept. */
export class CheckpointTensor implements WritableTensor {
  readonly name: string;
  /** As it is stored; for quantized weights, what the integers stand for. */
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly at: string | undefined;
  /** Undefined where the values don't stand in a file as they are: compressed, quantized, or in many pieces. */
  readonly location: TensorLocation | undefined;
  readonly quantization: Quantization | undefined;
  readonly #file: string;
  readonly #load: () => Uint8Array;

  /** @param load gives the values, little-endian and row-major */
  constructor(file: string, facts: TensorFacts, load: () => Uint8Array) {
    this.name = facts.name;
    this.dtype = facts.dtype;
    this.shape = facts.shape;
    this.at = facts.at;
    this.location = facts.location;
    this.quantization = facts.quantization;
    this.#file = file;
    this.#load = load;
  }

  /** How many values it has. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** How many bytes its values take. */
  get byteLength(): number {
    return this.size * ELEMENT_BYTES[this.dtype];
  }

  /**
   * The values as they are stored, but little-endian and row-major.
   *
   * @throws {CheckpointError} when they can't be read, or don't fit into one array
   */
  bytes(): Uint8Array {
    return this.#load();
  }

  /**
   * The values, each of them exactly; see TensorData for the kinds of arrays.
   *
   * @throws {CheckpointError} when they can't be read
   */
  read(): TensorData {
    return { dtype: this.dtype, shape: this.shape, data: decode(this.dtype, this.bytes()) };
  }

  /**
   * The values as the numerics take them: float32, int32 or bool.
   *
   * @throws {CheckpointError} when they can't be read, or (unless `lossy`) one of them would change
   */
  ndarray({ lossy = false }: NdArrayOptions = {}): NdArray {
    return asNdArray(this.read(), { file: this.#file, at: `tensor '${show(this.name)}'` }, lossy);
  }
}

const show = (name: string): string => (name.length > 120 ? `${name.slice(0, 120)}…` : name);

/**
 * An array in memory as writers take it.
 *
 *     writeSafetensors('model.safetensors', [tensorOf('weight', ndarray([1, 2], [2]))]);
 *
 * @throws {RangeError} when the data isn't of the kind and size that dtype and shape ask for
 */
export function tensorOf(name: string, array: NdArray | TensorData): WritableTensor {
  const bytes = encode(array);
  return { name, dtype: array.dtype, shape: array.shape, bytes: () => bytes };
}
