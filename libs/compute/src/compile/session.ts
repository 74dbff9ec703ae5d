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

/** A loaded model. Its arrays are read and written where they lie, without a copy. */
export class Session {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  /** @throws {DeviceError} when this build of ONNX Runtime doesn't have the device */
  static async load(model: Uint8Array, { device, threads, profile }: SessionOptions): Promise<Session> {
    const options: ort.InferenceSession.SessionOptions & { extra: object } = {
      executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      // Its planned block comes on top of the arena of the first run: 3.8 GB against 2.5 for the step of a large model, and 7 % slower.
      enableMemPattern: false,
      logSeverityLevel: 3,
      // Adam's second moments underflow to denormals, which cost some hundred cycles each.
      extra: { session: { set_denormal_as_zero: '1' } },
      ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
    };
    try {
      return new Session(await ort.InferenceSession.create(model, options));
    } catch (cause) {
      if (device === 'cpu') throw cause;
      throw new DeviceError(
        `device '${device}' isn't in this build of onnxruntime-node (it has ${ort
          .listSupportedBackends()
          .map((b) => b.name)
          .join(', ')}); ` + `use device 'cpu', or install ONNX Runtime's ${device} libraries as the README says`,
        { cause },
      );
    }
  }

  /** @param outputs where to write; filled and given back in order */
  async run(feeds: ReadonlyMap<string, NdArray>, outputs: ReadonlyMap<string, NdArray>): Promise<void> {
    const inputs: Record<string, ort.Tensor> = {};
    for (const [name, array] of feeds) inputs[name] = ortTensor(array);
    const fetches: Record<string, ort.Tensor | null> = { [SENTINEL]: null };
    for (const [name, array] of outputs) fetches[name] = ortTensor(array);
    try {
      await this.#session.run(inputs, fetches);
    } catch (error) {
      if (!(error instanceof Error && REFUSES_SEQUENCES.test(error.message))) throw error;
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
