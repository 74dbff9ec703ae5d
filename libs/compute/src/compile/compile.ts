/** @file Functions on tensors, made into functions on arrays that run in ONNX Runtime. */
import type { NdArray } from '../nd-array.ts';
import { fromTensor, toTensor } from '../nd-array.ts';
import { tf } from '../tf.ts';
import { isSignature, trace } from '../trace/trace.ts';
import { fixGradients } from '../trace/gradients.ts';
import { writeOnnx } from '../trace/onnx-writer.ts';
import { productFlops } from '../trace/product-flops.ts';
import { emptyPlaces, isNdArray, isTensor, LeafError, leaves, mapTree } from '../tree.ts';
import type { Leaf, Outside } from '../tree.ts';
import { channelBlock } from './channel-block.ts';
import { ArgumentError, checkArguments } from './check-arguments.ts';
import { checkDevice, deviceSettings, eagerBackend } from './device.ts';
import type { Device, DeviceSettings } from './device.ts';
import { allocate, SENTINEL, Session } from './session.ts';
import type { ArraySpec } from './session.ts';

export interface CompileOptions extends Partial<DeviceSettings> {
  /** For messages and profiles. */
  readonly name?: string;
  /**
   * Write results into two sets of buffers in turn: a result is overwritten by the second call after it.
   * For a step that takes its own last result; keeps a large model from leaving its size in garbage per step.
   */
  readonly recycle?: boolean;
  readonly profile?: string;
}

export interface CompileStatistics {
  /** How many shape signatures have been traced. */
  readonly graphs: number;
  readonly nodes: number;
  /** Floating-point operations of the matrix products and convolutions of one run of each graph. */
  readonly flops: number;
  readonly traceSeconds: number;
  readonly sessionSeconds: number;
}

/** @see compile */
export interface Compiled<A extends readonly unknown[], R> {
  (...args: { readonly [K in keyof A]: Outside<A[K]> }): Promise<Outside<R>>;
  readonly statistics: () => CompileStatistics;
  /** Frees the sessions and buffers; a later call traces anew. */
  readonly release: () => Promise<void>;
}

interface Program {
  readonly session: Session;
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: readonly (ArraySpec & { readonly path: string })[];
  readonly result: unknown;
  readonly buffers: (ReadonlyMap<string, NdArray> | undefined)[];
  turn: number;
}

/**
 * Makes `fn` run natively: traced once per shape signature into ONNX, then run by ONNX Runtime.
 *
 * `fn` must be pure: static shapes, no reading of values, no randomness of its own (pass random arrays in).
 * Arguments and results are arrays nested in lists and records; inside `fn` the same nesting holds tensors.
 *
 * @returns an async function on arrays; results belong to the caller unless `recycle` is set
 * @throws {TraceError} at the first call, where `fn` can't be compiled
 * @throws {ArgumentError} at a call with what isn't an array
 * @throws {ExecutionError} where ONNX Runtime fails
 */
export function compile<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  const name = options.name ?? (fn.name || 'function');
  const programs = new Map<string, Promise<Program>>();
  const spent = { nodes: 0, flops: 0, traceSeconds: 0, sessionSeconds: 0 };

  async function build(args: readonly unknown[], settings: DeviceSettings): Promise<Program> {
    const block = settings.device === 'cpu' ? await channelBlock() : 0;
    const started = performance.now();
    const traced = trace(fn as (...args: never[]) => unknown, args, name, block);
    const { bytes, names } = writeOnnx(traced, name, { sentinel: SENTINEL });
    const written = performance.now();
    const session = await Session.load(name, bytes, { ...settings, profile: options.profile });
    spent.nodes += traced.nodes.length;
    spent.flops += productFlops(traced.nodes);
    spent.traceSeconds += (written - started) / 1e3;
    spent.sessionSeconds += (performance.now() - written) / 1e3;
    const outputs = traced.outputs.map(({ path, value }) => ({
      path,
      name: names.outputs.get(path)!,
      shape: value.shape,
      dtype: value.type as NdArray['dtype'],
    }));
    return { session, inputs: names.inputs, outputs, result: traced.result, buffers: [], turn: 0 };
  }

  async function call(...args: readonly unknown[]): Promise<unknown> {
    const settings = { ...deviceSettings(), ...definedOnly(options) };
    checkDevice(`compile(${name})`, settings);
    const arrays = argumentLeaves(name, args);
    if (settings.device === 'eager' || settings.device === 'tensorflow') {
      return runEagerly(fn as (...args: never[]) => unknown, args, settings.device);
    }
    const key = `${settings.device}:${settings.threads}|${signatureOf(arrays)}|${emptyPlaces(args, isNdArray).join(' ')}`;
    const program = await (programs.get(key) ?? remember(programs, key, build(signatures(args), settings)));
    const feeds = new Map<string, NdArray>();
    for (const { path, value } of arrays) {
      const input = program.inputs.get(path);
      if (input !== undefined) feeds.set(input, value);
    }
    const outputs = options.recycle ? nextBuffers(name, program, arrays) : freshBuffers(program);
    await program.session.run(feeds, outputs);
    const byPath = new Map(program.outputs.map((o) => [o.path, outputs.get(o.name)!]));
    return mapTree(program.result, isPath, (path) => byPath.get(path));
  }

  const release = async () => {
    const built = [...programs.values()];
    programs.clear();
    for (const program of built) {
      const { session } = await program;
      if (options.profile !== undefined) session.endProfiling();
      await session.release();
    }
  };
  const statistics = () => ({ graphs: programs.size, ...spent });
  return Object.assign(call, { statistics, release }) as never;
}

/** Records that differ in the order of their names alone have the same graph. */
const signatureOf = (arrays: readonly { readonly path: string; readonly value: NdArray }[]): string =>
  arrays
    .map(({ path, value }) => `${path}:${value.dtype}[${value.shape.join()}]`)
    .sort()
    .join(' ');

/** @throws {ArgumentError} on what isn't an array, or one that doesn't agree with itself */
function argumentLeaves(name: string, args: readonly unknown[]): Leaf<NdArray>[] {
  try {
    const arrays = leaves(args, isNdArray);
    checkArguments(name, arrays);
    return arrays;
  } catch (error) {
    if (!(error instanceof LeafError)) throw error;
    const remedy = 'make one with ndarray(values, shape) or scalar(value)';
    throw new ArgumentError(name, error.path, `${error.message.slice(error.path.length + 1)}; ${remedy}`);
  }
}

const isPath = (value: unknown): value is string => typeof value === 'string';
const signatures = (args: readonly unknown[]) =>
  mapTree(args, isNdArray, ({ shape, dtype }) => ({ shape, dtype })) as readonly unknown[];
const definedOnly = ({ device, threads }: CompileOptions): Partial<DeviceSettings> => ({
  ...(device === undefined ? {} : { device }),
  ...(threads === undefined ? {} : { threads }),
});
const freshBuffers = (program: Program) => new Map(program.outputs.map((o) => [o.name, allocate(o)]));

/** @throws {ArgumentError} on a result of the call before the last: it lies where this call writes */
function nextBuffers(name: string, program: Program, arrays: readonly Leaf<NdArray>[]): ReadonlyMap<string, NdArray> {
  const turn = 1 - program.turn;
  const buffers = (program.buffers[turn] ??= freshBuffers(program));
  const written = new Set([...buffers.values()].map(({ data }) => data.buffer));
  const stale = arrays.find(({ value }) => written.has(value.data.buffer));
  if (stale) {
    const problem = 'is a recycled result of the call before the last, which this call would overwrite';
    throw new ArgumentError(name, stale.path, `${problem}; pass the last result, or copy it`);
  }
  program.turn = turn;
  return buffers;
}

/** Keeps a build that is under way, so that two calls at once don't build twice; forgets it when it fails. */
function remember(programs: Map<string, Promise<Program>>, key: string, building: Promise<Program>): Promise<Program> {
  programs.set(key, building);
  building.catch(() => programs.delete(key));
  return building;
}

/** The same call on a tfjs backend, operation by operation. */
export async function runEagerly(
  fn: (...args: never[]) => unknown,
  args: readonly unknown[],
  device: Device,
): Promise<unknown> {
  const backend = await eagerBackend(device);
  fixGradients();
  await tf.setBackend(backend);
  tf.engine().startScope('eager');
  try {
    const tensors = mapTree(args, isNdArray, toTensor) as never[];
    return mapTree(fn(...tensors), isTensor, fromTensor);
  } finally {
    tf.engine().endScope();
  }
}

/** The graph of `fn` for these arrays as a standalone `.onnx` model; inputs are named `in.<path>`, outputs `out.<path>`. */
export function exportOnnx<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  args: { readonly [K in keyof A]: Outside<A[K]> },
  name = fn.name || 'function',
): Uint8Array {
  const given = mapTree(
    args,
    (v): v is NdArray => isNdArray(v) || isSignature(v),
    ({ shape, dtype }) => ({ shape, dtype }),
  );
  return writeOnnx(trace(fn as (...args: never[]) => unknown, given as readonly unknown[], name), name).bytes;
}
