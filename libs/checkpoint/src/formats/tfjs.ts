/** @file TensorFlow.js: a model.json that lists weights, and shards beside it that hold them in a row. */
import { sizeOf } from '@weightspace/compute';

import type { CheckpointContents, SkippedItem } from '../checkpoint.ts';
import { show } from '../checkpoint-error.ts';
import { decode } from '../decode.ts';
import { ELEMENT_BYTES, isShape } from '../dtypes.ts';
import type { TensorDType } from '../dtypes.ts';
import { FileSource } from '../io/byte-source.ts';
import { besideFile } from '../io/beside.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { fieldOf, isRecord, readJson } from '../io/json.ts';
import { CheckpointTensor } from '../tensor.ts';
import type { Quantization } from '../tensor.ts';

const DTYPES: { readonly [name: string]: TensorDType } = {
  float32: 'float32',
  int32: 'int32',
  bool: 'bool',
  complex64: 'complex64',
  uint8: 'uint8',
  uint16: 'uint16',
  float16: 'float16',
};
const SHARD_LIMIT = 10_000;
const QUANTIZED = ['uint8', 'uint16', 'float16'];

/** Reads model.json and looks at the sizes of the shards; `config` is the layers model's topology. */
export function readTfjsCheckpoint(source: ByteSource): CheckpointContents {
  const json = readJson(source, 'a model');
  const manifest = fieldOf(json, 'weightsManifest');
  if (!Array.isArray(manifest))
    source.fail({
      expected: 'a model.json of TensorFlow.js with a weightsManifest',
      found: 'JSON without one',
      remedy: 'name the model.json of a layers model',
    });
  const [tensors, skipped]: [CheckpointTensor[], SkippedItem[]] = [[], []];
  for (const group of manifest as readonly unknown[]) new Group(source, group).collect(tensors, skipped);
  const format = fieldOf(json, 'format') === 'graph-model' ? 'tfjs-graph' : 'tfjs-layers';
  const texts = ['generatedBy', 'convertedBy', 'format'].map((key) => [key, fieldOf(json, key)] as const);
  const metadata = Object.fromEntries(texts.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  return { format, tensors, skipped, metadata, config: fieldOf(json, 'modelTopology') };
}

interface Shard {
  readonly source: FileSource;
  /** Byte of the group at which it begins. */
  readonly begin: number;
}

/** Weights that stand in the same shards, one after the other; one may begin in one shard and end in the next. */
class Group {
  readonly #model: ByteSource;
  readonly #shards: readonly Shard[];
  readonly #bytes: number;
  readonly #weights: readonly unknown[];
  #at = 0;

  constructor(model: ByteSource, group: unknown) {
    this.#model = model;
    const [paths, weights] = [fieldOf(group, 'paths'), fieldOf(group, 'weights')];
    if (!Array.isArray(paths) || !Array.isArray(weights))
      model.fail({ expected: 'paths and weights in each group of the manifest', found: show(group) });
    if ((paths as unknown[]).length > SHARD_LIMIT)
      model.fail({ expected: `at most ${SHARD_LIMIT} shards`, found: `${(paths as unknown[]).length}` });
    let begin = 0;
    this.#shards = (paths as readonly unknown[]).map((path) => {
      const shard = { source: new FileSource(besideFile(model, path)), begin };
      begin += shard.source.size;
      return shard;
    });
    this.#bytes = begin;
    this.#weights = weights as readonly unknown[];
  }

  collect(tensors: CheckpointTensor[], skipped: SkippedItem[]): void {
    for (const weight of this.#weights) {
      const [name, shape, dtype] = [fieldOf(weight, 'name'), fieldOf(weight, 'shape'), fieldOf(weight, 'dtype')];
      if (typeof name !== 'string' || !Array.isArray(shape) || !isShape(shape) || typeof dtype !== 'string')
        return this.#model.fail({ expected: 'name, shape and dtype of each weight', found: show(weight) });
      if (dtype === 'string') skipped.push(this.#skipTexts(name, sizeOf(shape)));
      else tensors.push(this.#tensor(name, shape, dtype, fieldOf(weight, 'quantization')));
    }
    if (this.#at !== this.#bytes)
      this.#model.fail({ expected: `${this.#at} bytes in the shards, as the manifest says`, found: `${this.#bytes}` });
  }

  #tensor(name: string, shape: readonly number[], dtype: string, quantized: unknown): CheckpointTensor {
    const at = `weight '${show(name)}'`;
    const quantization = quantized === undefined ? undefined : this.#quantization(at, quantized);
    const meant = Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype]! : undefined;
    if (meant === undefined || (quantization && meant !== 'float32' && meant !== 'int32'))
      return this.#model.fail({ at, expected: `a dtype among ${Object.keys(DTYPES).join(', ')}`, found: show(dtype) });
    const bytes = sizeOf(shape) * ELEMENT_BYTES[quantization?.dtype ?? meant];
    const begin = this.#advance(at, bytes);
    const shard = this.#shards.findLast((candidate) => candidate.begin <= begin && candidate.source.size > 0);
    const whole = shard !== undefined && begin + bytes <= shard.begin + shard.source.size;
    const location =
      whole && !quantization ? { file: shard.source.file, offset: begin - shard.begin, bytes } : undefined;
    const load = () => {
      const stored = this.#read(begin, bytes);
      return quantization ? dequantized(stored, quantization, meant) : stored;
    };
    return new CheckpointTensor(this.#model.file, { name, dtype: meant, shape, at, location, quantization }, load);
  }

  #quantization(at: string, value: unknown): Quantization {
    const [dtype, scale = 1, min = 0] = [fieldOf(value, 'dtype'), fieldOf(value, 'scale'), fieldOf(value, 'min')];
    const affine = dtype !== 'float16';
    if (typeof dtype !== 'string' || !QUANTIZED.includes(dtype) || typeof scale !== 'number' || typeof min !== 'number')
      return this.#model.fail({
        at,
        expected: `a quantization to ${QUANTIZED.join(', ')} with scale and min`,
        found: show(value),
      });
    return { dtype: DTYPES[dtype]!, scale: affine ? scale : 1, min: affine ? min : 0 };
  }

  #advance(at: string, bytes: number): number {
    const begin = this.#at;
    this.#at += bytes;
    if (this.#at > this.#bytes)
      this.#model.fail({ at, expected: `${this.#at} bytes in the shards up to its end`, found: `${this.#bytes}` });
    return begin;
  }

  /** Texts are stored one after the other, each with its length in front. */
  #skipTexts(name: string, count: number): SkippedItem {
    for (let i = 0; i < count; i++) {
      const begin = this.#advance(`weight '${show(name)}'`, 4);
      const length = Buffer.from(this.#read(begin, 4)).readUInt32LE();
      this.#advance(`weight '${show(name)}'`, length);
    }
    return { name, reason: 'an array of texts' };
  }

  #read(begin: number, length: number): Uint8Array {
    const end = begin + length;
    const parts = this.#shards.flatMap(({ source, begin: start }) => {
      const [from, to] = [Math.max(begin, start), Math.min(end, start + source.size)];
      return from < to ? [source.read(from - start, to - from)] : [];
    });
    return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts));
  }
}

/** As TensorFlow.js does: in double precision, then rounded to float32, or to the nearest integer. */
function dequantized(stored: Uint8Array, { dtype, scale, min }: Quantization, meant: TensorDType): Uint8Array {
  const integers = decode(dtype, stored) as Uint8Array | Uint16Array | Float32Array;
  const values = meant === 'int32' ? new Int32Array(integers.length) : new Float32Array(integers.length);
  for (let i = 0; i < values.length; i++) {
    const value = integers[i]! * scale + min;
    values[i] = meant === 'int32' ? Math.round(value) : value;
  }
  return new Uint8Array(values.buffer);
}

export const isTfjsModel = (json: unknown): boolean =>
  isRecord(json) && (Object.hasOwn(json, 'weightsManifest') || Object.hasOwn(json, 'modelTopology'));
