/** @file Proof by running: the group's elements don't change what a model computes. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

import { toBinary } from '@bufbuild/protobuf';
import { openOnnx, OnnxRunError, RandomStream, runOnnx } from '@weightspace/compute';
import type { NdArray, NdArrays, OnnxArray, OnnxRunner } from '@weightspace/compute';
import { act, permutationGroup, randomElement, symmetryGroup } from '@weightspace/symmetry';
import type { GroupElement, SymmetryKind } from '@weightspace/symmetry';
import { ModelProtoSchema } from 'onnx-buf';

import { randomArray } from './evaluate.ts';
import type { OnnxNetwork } from './network.ts';
import { readyModel, recognizeModel, sourcesOf } from './recognize-onnx.ts';
import type { ReadyModel } from './recognize-onnx.ts';
import { RecognitionError } from './recognition-error.ts';
import { arrayOf, numbers, tensorOf } from './tensor-data.ts';

export interface VerifyOptions {
  /** 0 unless said otherwise. */
  readonly seed?: number;
  /** Random elements to try; 2 unless said otherwise. */
  readonly elements?: number;
  /** Kinds of symmetries to try; all unless said otherwise. */
  readonly kinds?: readonly SymmetryKind[];
  /** Largest error that counts as none; unless said otherwise 1e-5, or more where rounding alone does more, but at most 1e-4. */
  readonly tolerance?: number;
  /** Inputs by name; random ones unless said otherwise. */
  readonly inputs?: ReadonlyMap<string, OnnxArray>;
}

export interface Verification {
  readonly network: OnnxNetwork;
  /** Whether no error is above `tolerance`. */
  readonly preserved: boolean;
  /** Of all outputs and elements the largest |f(x) − f_g(x)| as a share of the largest |f(x)| of that output. */
  readonly error: number;
  readonly tolerance: number;
  /** Whether the group has more than one element; of a trivial one there is nothing to prove. */
  readonly nontrivial: boolean;
  /** Whether the elements did change numbers in the parameters. */
  readonly moved: boolean;
  /** log₁₀ of the number of permutations in the group; signs, scales and phases aren't counted. */
  readonly log10Order: number;
}

const TOLERANCE = 1e-5;
/**
 * Sums in another order round differently, and deep or badly conditioned models let that grow. Above `TOLERANCE` an error
 * still counts as rounding up to this many times what moving every number in the parameters by a unit in its last place
 * does, and up to `LARGEST_TOLERANCE`.
 */
const ROUNDINGS = 8;
const LARGEST_TOLERANCE = 1e-4;

/**
 * Recognizes a model, acts on its parameters with random elements of its group, and compares what it computes.
 *
 * @param file a path, or the bytes of a file
 * @throws {RecognitionError} when it can't be recognized, or not be run on the inputs
 */
export async function verifyOnnx(file: string | Uint8Array, options: VerifyOptions = {}): Promise<Verification> {
  const [bytes, name] = typeof file === 'string' ? [await readFile(file), basename(file)] : [file, 'the model'];
  const model = readyModel(bytes, name);
  const network = await recognizeModel(model, name);
  const parameters = parametersOf(model, network);
  const plain = Object.values(parameters).every(({ type }) => type === 'float32');
  const kinds: readonly SymmetryKind[] | undefined = plain ? options.kinds : ['permutation'];
  const group = symmetryGroup(network, kinds);
  const stream = RandomStream.fromSeed(options.seed ?? 0);
  const runner = await openOnnx(toBinary(ModelProtoSchema, model));
  try {
    const inputs = options.inputs ?? (await inputsFor(runner, network, stream.split('inputs')));
    const before = await runner.run(inputs);
    const results: { readonly error: number; readonly moved: boolean }[] = [];
    const draws = stream.split('elements');
    for (let i = 0; i < (options.elements ?? 2) && group.spaces.length > 0; i++) {
      const changed = actOn(network, randomElement(group, draws), parameters);
      const after = await runOnnx(bytesWith(model, changed), inputs);
      results.push({ error: errorBetween(before, after), moved: differ(parameters, changed) });
    }
    const error = Math.max(0, ...results.map((result) => result.error));
    const rounding =
      error <= TOLERANCE
        ? 0
        : errorBetween(before, await runOnnx(bytesWith(model, rounded(parameters, stream)), inputs));
    const tolerance = options.tolerance ?? Math.min(LARGEST_TOLERANCE, Math.max(TOLERANCE, ROUNDINGS * rounding));
    return {
      network,
      preserved: error <= tolerance,
      error,
      tolerance,
      nontrivial: group.spaces.length > 0,
      moved: results.some((result) => result.moved),
      log10Order: permutationGroup(network).log10Order,
    };
  } finally {
    await runner.release();
  }
}

/** Every float32 moved up or down by a unit in its last place or less. */
function rounded(parameters: { readonly [name: string]: OnnxArray }, stream: RandomStream): Record<string, OnnxArray> {
  const draws = stream.split('rounding');
  return Object.fromEntries(
    Object.entries(parameters).map(([name, array]) => {
      if (array.type !== 'float32') return [name, array];
      const move = () => 1 + (draws.integer(2) === 0 ? 2 ** -23 : -(2 ** -24));
      return [name, { ...array, data: Float32Array.from(array.data as Float32Array, (value) => value * move()) }];
    }),
  );
}

/** The arrays of a network's parameters, as they stand in the file. */
export function parametersOf(model: ReadyModel, network: OnnxNetwork): Record<string, OnnxArray> {
  const sources = sourcesOf(model);
  return Object.fromEntries(network.parameters.map(({ name }) => [name, arrayOf(sources.get(name)!.tensor, name)]));
}

/**
 * What an element does to the parameters of a model, whatever their type.
 *
 * Numbers that aren't float32 are only put into another order.
 */
export function actOn(
  network: OnnxNetwork,
  g: GroupElement,
  parameters: { readonly [name: string]: OnnxArray },
): Record<string, OnnxArray> {
  const params: NdArrays = Object.fromEntries(
    Object.entries(parameters).map(([name, array]) => [name, movable(array)]),
  );
  const result = act(network, g, params);
  return Object.fromEntries(
    Object.entries(parameters).map(([name, array]) => {
      const { data } = result[name]!;
      if (array.type === 'float32') return [name, { ...array, data }];
      const moved = array.data.slice();
      data.forEach((from, i) => (moved[i] = array.data[from]!));
      return [name, { ...array, data: moved }];
    }),
  );
}

/** float32 as it is; of other types the places, so that the result says where each number comes from. */
function movable({ type, shape, data }: OnnxArray): NdArray {
  if (type === 'float32') return { dtype: 'float32', shape, data: data as Float32Array };
  return { dtype: 'int32', shape, data: Int32Array.from({ length: data.length }, (_, i) => i) };
}

/** The model's bytes with other numbers in its parameters. */
export function bytesWith(model: ReadyModel, arrays: { readonly [name: string]: OnnxArray }): Uint8Array {
  const kept = Object.entries(arrays).map(([name, array]) => {
    const { tensor } = sourcesOf(model).get(name)!;
    const old = { ...tensor };
    const { rawData, dataType } = tensorOf(name, array);
    Object.assign(tensor, {
      rawData,
      dataType,
      floatData: [],
      doubleData: [],
      int32Data: [],
      int64Data: [],
      uint64Data: [],
    });
    return { tensor, old };
  });
  try {
    return toBinary(ModelProtoSchema, model);
  } finally {
    for (const { tensor, old } of kept) Object.assign(tensor, old);
  }
}

/** Integers are drawn below these, in turn: they may be indices into tables of unknown length. */
const RANGES = [64, 16, 7, 3, 2, 1];

async function inputsFor(
  runner: OnnxRunner,
  network: OnnxNetwork,
  stream: RandomStream,
): Promise<ReadonlyMap<string, OnnxArray>> {
  let last: unknown;
  for (const below of RANGES) {
    const inputs = new Map(
      [...network.sample].map(([name, { type, shape }]) => [
        name,
        randomArray(type, shape, stream.split(`${name} ${below}`), below),
      ]),
    );
    try {
      await runner.run(inputs);
      return inputs;
    } catch (error) {
      if (!(error instanceof OnnxRunError)) throw error;
      last = error;
    }
  }
  const got = last instanceof Error ? last.message : String(last);
  throw new RecognitionError('verifyOnnx', '', 'run on random inputs', got, 'give inputs', { cause: last });
}

/** The largest |a − b| as a share of the largest |a|, of all arrays; infinite where one has values that aren't numbers and the other not. */
export function errorBetween(before: ReadonlyMap<string, OnnxArray>, after: ReadonlyMap<string, OnnxArray>): number {
  const errors = [...before].map(([name, array]) => {
    const [a, b] = [numbers(array), numbers(after.get(name)!)];
    let [error, scale] = [0, 0];
    for (let i = 0; i < a.length; i++) {
      if (Object.is(a[i], b[i])) {
        if (Number.isFinite(a[i]!)) scale = Math.max(scale, Math.abs(a[i]!));
        continue;
      }
      error = Math.max(error, Number.isFinite(a[i]! - b[i]!) ? Math.abs(a[i]! - b[i]!) : Infinity);
      scale = Math.max(scale, Math.abs(a[i]!));
    }
    return error === 0 ? 0 : error / scale;
  });
  return Math.max(0, ...errors);
}

const differ = (a: { readonly [name: string]: OnnxArray }, b: { readonly [name: string]: OnnxArray }): boolean =>
  Object.entries(a).some(([name, { data }]) => data.some((value, i) => !Object.is(value, b[name]!.data[i])));
