/** @file Any ONNX model in ONNX Runtime: arrays by name in, arrays by name out. */
import * as ort from 'onnxruntime-node';

/** Element types that arrays of a model may have; float16 are the bits of each number. */
export type OnnxElementType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

export type OnnxData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export interface OnnxArray {
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
  readonly data: OnnxData;
}

/** An input as the model declares it; a dimension without a fixed size is a name, '' where it has none. */
export interface OnnxInput {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly (number | string)[];
}

/** ONNX Runtime can't load a model, or can't run it on these inputs. `cause` is what it said. */
export class OnnxRunError extends Error {
  override readonly name = 'OnnxRunError';
}

/** A loaded model; `release` frees its memory. */
export interface OnnxRunner {
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
  /**
   * @param outputs which ones; all when absent
   * @returns those of them that are arrays (not sequences, maps or texts)
   * @throws {OnnxRunError} when the model refuses the inputs
   */
  run(inputs: ReadonlyMap<string, OnnxArray>, outputs?: readonly string[]): Promise<Map<string, OnnxArray>>;
  release(): Promise<void>;
}

/**
 * Loads a model on the CPU, without fusing its operators, so that one model gives the same rounding whatever it is asked for.
 *
 * @throws {OnnxRunError} when ONNX Runtime refuses the model
 */
export async function openOnnx(model: Uint8Array): Promise<OnnxRunner> {
  const session = await told('openOnnx', 'load the model', () =>
    ort.InferenceSession.create(model, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      enableMemPattern: false,
      logSeverityLevel: 4,
    }),
  );
  return {
    inputs: session.inputMetadata.filter((input) => input.isTensor).map(inputOf),
    outputs: session.outputNames,
    run: (inputs, outputs = session.outputNames) =>
      told('OnnxRunner.run', 'run the model', async () => {
        const feeds = Object.fromEntries(
          [...inputs].map(([name, { type, data, shape }]) => [name, new ort.Tensor(type, data as never, shape)]),
        );
        return arraysOf(await session.run(feeds, [...outputs]));
      }),
    release: () => session.release(),
  };
}

/**
 * Runs a model once.
 *
 * @param outputs which ones; all when absent
 * @throws {OnnxRunError} when ONNX Runtime refuses the model or the inputs
 */
export async function runOnnx(
  model: Uint8Array,
  inputs: ReadonlyMap<string, OnnxArray>,
  outputs?: readonly string[],
): Promise<Map<string, OnnxArray>> {
  const runner = await openOnnx(model);
  try {
    return await runner.run(inputs, outputs);
  } finally {
    await runner.release();
  }
}

const inputOf = ({ name, type, shape }: ort.InferenceSession.TensorValueMetadata): OnnxInput => ({
  name,
  type: type as OnnxElementType,
  shape,
});

const TEXT = 'string';

function arraysOf(results: ort.InferenceSession.ReturnType): Map<string, OnnxArray> {
  const arrays = new Map<string, OnnxArray>();
  for (const [name, value] of Object.entries(results)) {
    const { type, dims, data } = value as ort.Tensor;
    if (type === TEXT || dims === undefined) continue;
    arrays.set(name, { type: type as OnnxElementType, shape: dims, data: data as OnnxData });
  }
  return arrays;
}

async function told<T>(fn: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OnnxRunError(`${fn}: ONNX Runtime must ${what}, but says: ${reason}`, { cause });
  }
}
