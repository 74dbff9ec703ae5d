/** @file From a function on tensors to a graph. */
import { sizeOf } from '../nd-array.ts';
import type { DType } from '../nd-array.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { isTensor, LeafError, leaves, mapTree } from '../tree.ts';
import { Builder } from './build.ts';
import { fixGradients } from './gradients.ts';
import { Graph } from './graph.ts';
import type { Node, Value } from './graph.ts';
import { kernels } from './kernels/index.ts';
import { registerTraceBackend, TRACE_BACKEND, traceBackend, TraceError } from './trace-backend.ts';

/** A shape and a dtype in place of an array. */
export interface Signature {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export interface Traced {
  readonly inputs: readonly { readonly path: string; readonly value: Value }[];
  readonly outputs: readonly { readonly path: string; readonly value: Value }[];
  /** The result's nesting with paths as leaves. */
  readonly result: unknown;
  readonly nodes: readonly Node[];
  /** Equal for equal graphs. */
  readonly digest: string;
}

export const isSignature = (value: unknown): value is Signature =>
  typeof value === 'object' &&
  value !== null &&
  Array.isArray((value as Signature).shape) &&
  typeof (value as Signature).dtype === 'string';

/**
 * Runs `fn` once on placeholders and returns the graph of what it did.
 *
 * @param args nested signatures, one tree per argument of `fn`
 * @param block channels in a block of the images that this machine convolves fastest; 0 for a graph of standard operators
 * @throws {TraceError} where `fn` reads values, is async, draws random numbers or uses an operation without a kernel
 */
export function trace(
  fn: (...args: never[]) => unknown,
  args: readonly unknown[],
  name = fn.name || 'function',
  block = 0,
): Traced {
  const first = traceOnce(fn, args, name, block);
  if (!hasLargeConstant(first.nodes)) return first;
  const second = traceOnce(fn, args, name, block);
  if (first.digest !== second.digest) {
    throw new TraceError(
      `compile: ${name} isn't pure: traced twice, it gave two graphs; draw random numbers outside and pass them as arguments`,
    );
  }
  return first;
}

function traceOnce(fn: (...args: never[]) => unknown, args: readonly unknown[], name: string, block: number): Traced {
  registerTraceBackend(kernels);
  fixGradients();
  const engine = tf.engine();
  const before = engine.backendName;
  const graph = new Graph();
  traceBackend.begin(new Builder(graph, block));
  const inputs: { path: string; value: Value }[] = [];
  engine.startScope(name);
  try {
    void tf.setBackend(TRACE_BACKEND);
    const placeholders = mapTree(args, isSignature, (leaf, path) => placeholder(graph, leaf, path, inputs)) as never[];
    const result = fn(...placeholders);
    if (result instanceof Promise) throw new TraceError(`compile: ${name} must not be async`);
    const outputs = resultLeaves(name, result).map(({ path, value }) => ({
      path,
      value: traceBackend.tracedValue(value),
    }));
    const nodes = graph.live(outputs.map(({ value }) => value));
    const nested = mapTree(result, isTensor, (_, path) => path);
    return { inputs, outputs, result: nested, nodes, digest: digestOf(nodes, outputs) };
  } catch (error) {
    throw explain(error, name);
  } finally {
    engine.endScope();
    // Where none had been chosen yet, the tracing one must not stay.
    void tf.setBackend(before || 'cpu');
  }
}

/** @throws {TraceError} where the function gives what isn't a tensor */
function resultLeaves(name: string, result: unknown) {
  try {
    const tensors = leaves(result, isTensor);
    const twice = tensors.find(({ path }, i) => tensors.findIndex((other) => other.path === path) !== i);
    if (twice)
      throw new TraceError(
        `compile: ${name} gives ${twice.path} twice: a name with a dot reads like a nested one; rename it`,
      );
    return tensors;
  } catch (error) {
    if (error instanceof LeafError) throw new TraceError(`compile: ${name}: in its result, ${error.message}`);
    throw error;
  }
}

function placeholder(
  graph: Graph,
  { shape, dtype }: Signature,
  path: string,
  inputs: { path: string; value: Value }[],
): Tensor {
  const value = graph.input(`in.${path}`, shape, dtype);
  inputs.push({ path, value });
  const info = traceBackend.bind(value, dtype);
  return tf.engine().makeTensorFromDataId(info.dataId, [...shape], dtype, traceBackend);
}

/** tfjs's own message for a missing kernel, with what to do about it. */
function explain(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error instanceof TraceError) return error;
  const missing = /Kernel '([^']+)' not registered for backend/.exec(error.message)?.[1];
  if (missing) {
    return new TraceError(
      `compile: ${name} uses ${missing}, which has no compiled kernel; write it with other operations, ` +
        `run the function with device 'eager', or add it with registerTraceKernel('${missing}', …)`,
      { cause: error },
    );
  }
  const flat = /gradient function not found for (\w+)/.exec(error.message)?.[1];
  if (flat) {
    return new TraceError(
      `compile: ${name} takes the gradient of ${flat}, which tfjs has none for; write it with other operations, ` +
        'or keep what needs no gradient out of the differentiated function',
      { cause: error },
    );
  }
  return error;
}

const hasLargeConstant = (nodes: readonly Node[]): boolean =>
  nodes.some((node) =>
    node.inputs.some((v) => v.type !== 'int64' && v.constant && 'elements' in v.constant && sizeOf(v.shape) > 1),
  );

/** Values are named by when they were made, so equal names in equal nodes mean equal graphs; constants count with their elements. */
function digestOf(nodes: readonly Node[], outputs: readonly { readonly value: Value }[]): string {
  const names = new Map<Value, string>();
  const nameOf = (value: Value): string => {
    const known = names.get(value);
    if (known) return known;
    const { constant } = value;
    const content = !constant
      ? value.name
      : 'uniform' in constant
        ? `u${constant.uniform}`
        : hash(Buffer.from(constant.elements.buffer, constant.elements.byteOffset, constant.elements.byteLength));
    names.set(value, content);
    return content;
  };
  return JSON.stringify([
    nodes.map((n) => [n.op, n.inputs.map(nameOf), n.attributes]),
    outputs.map(({ value }) => nameOf(value)),
  ]);
}

const hash = (bytes: Buffer): string => {
  let h = 0x811c9dc5;
  for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193);
  return `${bytes.length}:${h >>> 0}`;
};
