/** @file One ONNX Runtime session: arrays in, arrays out. */
import * as ort from 'onnxruntime-node';

import type { NdArray } from '../nd-array.ts';
import { sizeOf } from '../nd-array.ts';
import { DeviceError } from './device.ts';
import type { DeviceSettings } from './device.ts';

export interface ArraySpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: NdArray['dtype'];
}

export interface SessionOptions extends DeviceSettings {
  /** Prefix of ONNX Runtime's profile, written when the session is released. */
  readonly profile?: string | undefined;
}

/**
 * The first output of every compiled model: an empty sequence.
 *
 * onnxruntime-node 1.30 writes into the output arrays that it is given, and then copies each of them into a new one for
 * its result: 25 ms for 64 MB, and half a gigabyte of garbage per step of a large model. It converts outputs in order
 * and refuses a sequence after the run and before the first copy, so a sequence in front saves the copies.
 */
export const SENTINEL = 'done';
const REFUSES_SEQUENCES = /Non tensor type/;

// What goes wrong is thrown; ONNX Runtime would also print it.
ort.env.logLevel = 'fatal';

/** Thrown where ONNX Runtime refuses a graph or fails while it runs. */
export class ExecutionError extends Error {
  override readonly name = 'ExecutionError';
}

const saying = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).trim();

/** A loaded model. Its arrays are read and written where they lie, without a copy. */
export class Session {
  readonly #name: string;
  readonly #session: ort.InferenceSession;

  private constructor(name: string, session: ort.InferenceSession) {
    this.#name = name;
    this.#session = session;
  }

  /**
   * @throws {DeviceError} when the device isn't there
   * @throws {ExecutionError} when ONNX Runtime refuses the model
   */
  static async load(name: string, model: Uint8Array, { device, threads, profile }: SessionOptions): Promise<Session> {
    const options: ort.InferenceSession.SessionOptions & { extra: object } = {
      executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      // Its planned block comes on top of the arena of the first run: 3.8 GB against 2.5 for the step of a large model, and 7 % slower.
      enableMemPattern: false,
      logSeverityLevel: 4,
      // Adam's second moments underflow to denormals, which cost some hundred cycles each.
      extra: { session: { set_denormal_as_zero: '1' } },
      ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
    };
    try {
      return new Session(name, await ort.InferenceSession.create(model, options));
    } catch (cause) {
      if (device !== 'cpu') {
        const remedy = `use device 'cpu', or give ONNX Runtime what ${device} needs (README.md, "On a GPU")`;
        throw new DeviceError(`compile: device '${device}' can't be used here: ${saying(cause)}; ${remedy}`, { cause });
      }
      throw new ExecutionError(
        `compile: ONNX Runtime refuses the graph of ${name}: ${saying(cause)}; ` +
          "this is a fault of a kernel: report it, and run the function with device 'eager' meanwhile",
        { cause },
      );
    }
  }

  /**
   * @param outputs where to write; filled and given back in order
   * @throws {ExecutionError} when an operation fails, as on an index out of range
   */
  async run(feeds: ReadonlyMap<string, NdArray>, outputs: ReadonlyMap<string, NdArray>): Promise<void> {
    const inputs: Record<string, ort.Tensor> = {};
    for (const [name, array] of feeds) inputs[name] = ortTensor(array);
    const fetches: Record<string, ort.Tensor | null> = { [SENTINEL]: null };
    for (const [name, array] of outputs) fetches[name] = ortTensor(array);
    try {
      await this.#session.run(inputs, fetches);
    } catch (error) {
      if (error instanceof Error && REFUSES_SEQUENCES.test(error.message)) return;
      throw new ExecutionError(`compile: ONNX Runtime failed in ${this.#name}: ${saying(error)}`, { cause: error });
    }
  }

  endProfiling(): void {
    this.#session.endProfiling();
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

const ortTensor = ({ dtype, data, shape }: NdArray): ort.Tensor => new ort.Tensor(dtype, data as never, shape);

export function allocate({ shape, dtype }: ArraySpec): NdArray {
  const size = sizeOf(shape);
  const data =
    dtype === 'float32' ? new Float32Array(size) : dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);
  return { dtype, shape, data: data as Float32Array };
}
