/** @file A tfjs backend whose kernels don't compute: each writes ONNX nodes into the graph that is being traced. */
import type { DataType, KernelConfig, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs';

import type { DType } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Builder } from './build.ts';
import type { Value } from './graph.ts';

export const TRACE_BACKEND = 'weightspace-trace';

type DataId = TensorInfo['dataId'];
type BackendValues = Float32Array | Int32Array | Uint8Array | Uint8Array[];

/** Thrown where a function that is being compiled does what can't be compiled. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

/** Writes the nodes of one kernel. Inputs come by tfjs's names; a list input comes as `inputs[0]`, `inputs[1]`, … */
export type TraceKernel = (builder: Builder, inputs: Inputs, attributes: Attrs) => Value | readonly Value[];
export type Inputs = { readonly [name: string]: Value };
export type Attrs = { readonly [name: string]: never };

class TraceBackend extends tf.KernelBackend {
  #values = new WeakMap<DataId, Value>();
  builder: Builder | undefined;

  override timerAvailable(): boolean {
    return false;
  }
  override floatPrecision(): 16 | 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override numDataIds(): number {
    return 0;
  }
  override refCount(): number {
    return 1;
  }
  override incRef(): void {}
  override disposeData(): boolean {
    return true;
  }

  /** tfjs puts literal tensors (`tf.scalar(2)`, `tf.tensor(…)`) here: they become constants of the graph. */
  override write(values: BackendValues | null, shape: number[], dtype: DataType): DataId {
    const dataId = {};
    if (values) this.#values.set(dataId, this.#constant(values, shape, dtype));
    return dataId;
  }

  override move(dataId: DataId, values: BackendValues, shape: number[], dtype: DataType): void {
    this.#values.set(dataId, this.#constant(values, shape, dtype));
  }

  override readSync(): BackendValues {
    throw new TraceError(
      "compile: the function reads a tensor's values (data, dataSync, array, print, …) while it is traced; " +
        'compute with tensor operations only, or return the tensor and read it outside',
    );
  }

  override read(): Promise<BackendValues> {
    return Promise.reject(new TraceError('compile: a traced function must not be async'));
  }

  bind(value: Value, dtype: DataType): TensorInfo {
    const dataId = {};
    this.#values.set(dataId, value);
    return { dataId, shape: [...value.shape], dtype };
  }

  /** The value behind a tensor; one that lives on another backend is captured as a constant. */
  tracedValue(info: TensorInfo): Value {
    const value = this.#values.get(info.dataId);
    if (value) return this.#current().reshape(value, info.shape);
    const owner = tf.engine().state.tensorInfo.get(info.dataId)?.backend;
    if (!owner || owner === this)
      throw new TraceError('compile: the function uses a tensor that was made while another function was traced');
    const captured = this.#constant(owner.readSync(info.dataId) as BackendValues, info.shape, info.dtype);
    this.#values.set(info.dataId, captured);
    return captured;
  }

  /** Forgets what it knew; a captured tensor's value belongs to one graph. */
  begin(builder: Builder): void {
    this.#values = new WeakMap();
    this.builder = builder;
  }

  #current(): Builder {
    if (!this.builder) throw new TraceError('internal: no function is being traced');
    return this.builder;
  }

  #constant(values: BackendValues, shape: readonly number[], dtype: DataType): Value {
    const graph = this.#current().graph;
    const list = values as unknown as ArrayLike<number>;
    if (dtype === 'int32') return graph.constant({ dtype, shape, data: Int32Array.from(list) });
    if (dtype === 'bool') return graph.constant({ dtype, shape, data: Uint8Array.from(list, Number) });
    if (dtype === 'float32')
      return graph.constant({ dtype, shape, data: values instanceof Float32Array ? values : Float32Array.from(list) });
    throw new TraceError(`compile: dtype ${dtype} can't be compiled; use float32, int32 or bool`);
  }
}

export const traceBackend = new TraceBackend();
let registered = false;

/** Registers the backend with the kernels; once. */
export function registerTraceBackend(kernels: { readonly [kernelName: string]: TraceKernel }): void {
  if (registered) return;
  registered = true;
  tf.registerBackend(TRACE_BACKEND, () => traceBackend, -1);
  for (const [kernelName, kernel] of Object.entries(kernels)) registerTraceKernel(kernelName, kernel);
}

/** How a lib that brings a tfjs kernel of its own says what ONNX nodes it stands for. */
export function registerTraceKernel(kernelName: string, kernel: TraceKernel): void {
  const kernelFunc = ({ inputs, attrs }: { inputs: Record<string, unknown>; attrs?: NamedAttrMap }) => {
    const { builder } = traceBackend;
    if (!builder) throw new TraceError(`internal: ${kernelName} ran on the trace backend outside a trace`);
    const outputs = kernel(builder, valuesOf(inputs), (attrs ?? {}) as Attrs);
    const infos = (Array.isArray(outputs) ? (outputs as readonly Value[]) : [outputs as Value]).map((value) =>
      traceBackend.bind(value, value.type as DType),
    );
    return infos.length === 1 && !Array.isArray(outputs) ? infos[0]! : infos;
  };
  tf.registerKernel({ kernelName, backendName: TRACE_BACKEND, kernelFunc: kernelFunc as KernelConfig['kernelFunc'] });
}

function valuesOf(inputs: Record<string, unknown>): Inputs {
  const values: Record<string, Value> = {};
  for (const [name, info] of Object.entries(inputs)) {
    if (info !== undefined && info !== null) values[name] = traceBackend.tracedValue(info as TensorInfo);
  }
  return values;
}
