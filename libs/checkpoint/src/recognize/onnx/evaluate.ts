/** @file True shapes of everything that a model computes, and the values that don't depend on its inputs, by running it. */
import { create, toBinary } from '@bufbuild/protobuf';
import { openOnnx, OnnxRunError, RandomStream, sizeOf } from '@weightspace/compute';
import type { OnnxArray, OnnxElementType, OnnxRunner } from '@weightspace/compute';
import { ModelProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import type { GraphProto, ModelProto } from 'onnx-buf';

import { inlineBranch } from './branches.ts';
import type { Merge } from './branches.ts';
import { inputsOf, nodeOf, opsetOf } from './graph.ts';
import type { ModelInput, OnnxNode } from './graph.ts';
import { RecognitionError } from './recognition-error.ts';
import { arrayOf, elementTypeOf, isFloat, shapeOf } from './tensor-data.ts';

/** What a model computes on one set of inputs. */
export interface Evaluation {
  /** With constant branches in place of their `If`, and both branches of the others where both can be computed. */
  readonly graph: GraphProto;
  readonly nodes: readonly OnnxNode[];
  readonly merges: readonly Merge[];
  readonly inputs: readonly ModelInput[];
  /** By the name of an initializer or of anything computed; absent where it isn't an array. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Whether it is an initializer, or follows from initializers and shapes alone. */
  isConstant(name: string): boolean;
  /** The value of a constant. */
  constant(name: string): OnnxArray | undefined;
  readonly opset: number;
  /** Inputs on which the model runs. */
  readonly sample: ReadonlyMap<string, OnnxArray>;
}

/** Operators whose results aren't arrays, so that they can't be asked for. */
const SEQUENCES = [
  'SequenceConstruct',
  'SequenceEmpty',
  'SequenceInsert',
  'SequenceErase',
  'SplitToSequence',
  'Optional',
];
const RANDOM = ['RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Bernoulli', 'Multinomial'];
/** Their values depend on the shape of what they read alone. */
const OF_SHAPE = ['Shape', 'Size'];

/** Sizes to try for dimensions that aren't fixed: of the first axis, and a factor of those of later axes. */
const LADDER: readonly (readonly [batch: number, factor: number])[] = [
  [2, 3],
  [2, 8],
  [2, 32],
  [1, 5],
  [1, 32],
  [1, 64],
  [1, 224],
  [1, 1],
];

/**
 * Runs the model with everything that it computes as an output.
 *
 * @throws {RecognitionError} when ONNX Runtime runs it on none of the sizes that are tried; `cause` is what it said last
 */
export async function evaluate(model: ModelProto & { graph: GraphProto }): Promise<Evaluation> {
  let current = { model, merges: [] as Merge[] };
  let run = await runAll(current.model);
  for (let node = nextIf(current.model); node !== undefined; node = nextIf(current.model, node.skip)) {
    const next = await withoutIf(current, run, node.index);
    if (next === undefined) {
      node.skip.add(node.name);
      continue;
    }
    ({ current, run } = next);
  }
  return evaluation(current.model, current.merges, run);
}

interface Run {
  readonly arrays: ReadonlyMap<string, OnnxArray>;
  readonly sample: ReadonlyMap<string, OnnxArray>;
}

interface FoundIf {
  readonly index: number;
  readonly name: string;
  readonly skip: Set<string>;
}

function nextIf({ graph }: { graph?: GraphProto | undefined }, skip = new Set<string>()): FoundIf | undefined {
  const index = graph!.node.findIndex(({ opType, output }) => opType === 'If' && !skip.has(output[0]!));
  return index < 0 ? undefined : { index, name: graph!.node[index]!.output[0]!, skip };
}

interface Inlined {
  readonly current: { model: ModelProto & { graph: GraphProto }; merges: Merge[] };
  readonly run: Run;
}

/** @returns undefined where the branches can't both be computed */
async function withoutIf(before: Inlined['current'], run: Run, index: number): Promise<Inlined | undefined> {
  const condition = before.model.graph.node[index]!.input[0]!;
  const isConstant = constantsOf(before.model.graph).has(condition);
  const value = run.arrays.get(condition) ?? initializer(before.model.graph, condition);
  const choice = isConstant && value ? (value.data[0] ? 'then' : 'else') : 'both';
  const graph: GraphProto = { ...before.model.graph, node: [...before.model.graph.node] };
  graph.initializer = [...graph.initializer];
  const merges = inlineBranch(graph, graph.node[index]!, choice);
  const model = { ...before.model, graph };
  try {
    return { current: { model, merges: [...before.merges, ...merges] }, run: await runAll(model, run.sample) };
  } catch (error) {
    if (error instanceof OnnxRunError || error instanceof RecognitionError) return undefined;
    throw error;
  }
}

function initializer(graph: GraphProto, name: string): OnnxArray | undefined {
  const tensor = graph.initializer.find((candidate) => candidate.name === name);
  return tensor && arrayOf(tensor);
}

function evaluation(model: ModelProto & { graph: GraphProto }, merges: readonly Merge[], run: Run): Evaluation {
  const { graph } = model;
  const constants = constantsOf(graph);
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const shapes = new Map<string, readonly number[]>();
  for (const [name, tensor] of initializers) shapes.set(name, shapeOf(tensor));
  for (const [name, { shape }] of [...run.sample, ...run.arrays]) shapes.set(name, shape);
  return {
    graph,
    nodes: graph.node.map(nodeOf),
    merges,
    inputs: inputsOf(graph),
    shapes,
    sample: run.sample,
    opset: opsetOf(model),
    isConstant: (name) => constants.has(name),
    constant: (name) => {
      const tensor = initializers.get(name);
      if (tensor) return elementTypeOf(tensor.dataType) && arrayOf(tensor);
      return constants.has(name) ? run.arrays.get(name) : undefined;
    },
  };
}

/** Names of initializers and of all that follows from them and from shapes. */
function constantsOf(graph: GraphProto): Set<string> {
  const constants = new Set(graph.initializer.map(({ name }) => name));
  for (const { opType, input, output, attribute } of graph.node) {
    const inner = attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0);
    const follows = OF_SHAPE.includes(opType) || input.every((name) => name === '' || constants.has(name));
    if (follows && !inner && !RANDOM.includes(opType)) output.forEach((name) => constants.add(name));
  }
  return constants;
}

async function runAll(
  model: ModelProto & { graph: GraphProto },
  sample?: ReadonlyMap<string, OnnxArray>,
): Promise<Run> {
  const runner = await open(model);
  try {
    if (sample) return { arrays: await runner.run(sample), sample };
    return await climb(runner, inputsOf(model.graph));
  } finally {
    await runner.release();
  }
}

async function open(model: ModelProto & { graph: GraphProto }): Promise<OnnxRunner> {
  const given = new Set(model.graph.output.map(({ name }) => name));
  const graph: GraphProto = { ...model.graph, output: [...model.graph.output] };
  for (const { opType, output } of graph.node) {
    if (SEQUENCES.includes(opType)) continue;
    for (const name of output)
      if (name !== '' && !given.has(name)) graph.output.push(create(ValueInfoProtoSchema, { name }));
  }
  try {
    return await openOnnx(toBinary(ModelProtoSchema, { ...model, graph }));
  } catch (cause) {
    if (!(cause instanceof OnnxRunError)) throw cause;
    throw new RecognitionError('recognizeOnnx', '', 'be one that ONNX Runtime loads', cause.message, undefined, {
      cause,
    });
  }
}

async function climb(runner: OnnxRunner, inputs: readonly ModelInput[]): Promise<Run> {
  let last: unknown;
  const fixed = inputs.every(({ shape }) => shape.every((size) => typeof size === 'number'));
  for (const [batch, factor] of fixed ? LADDER.slice(0, 1) : LADDER) {
    for (const integers of INTEGER_RANGES) {
      const sample = sampleInputs(inputs, batch, factor, integers);
      try {
        return { arrays: await runner.run(sample), sample };
      } catch (error) {
        if (!(error instanceof OnnxRunError)) throw error;
        last = error;
      }
      if (inputs.every(({ dataType }) => isFloat(elementTypeOf(dataType) ?? 'float32'))) break;
    }
  }
  const got = last instanceof Error ? last.message : String(last);
  throw new RecognitionError('recognizeOnnx', '', 'run on inputs of some size', got, undefined, { cause: last });
}

/** Integers are drawn below these, in turn, since they may be indices into tables of unknown length. */
export const INTEGER_RANGES = [2, 1] as const;

function sampleInputs(
  inputs: readonly ModelInput[],
  batch: number,
  factor: number,
  below: number,
): Map<string, OnnxArray> {
  const sizes = new Map<string, number>();
  const stream = RandomStream.fromSeed(1);
  let later = 0;
  const sizeAt = (input: ModelInput, axis: number): number => {
    const given = input.shape[axis]!;
    if (typeof given === 'number') return given;
    const key = given === '' ? `${input.name}:${axis}` : given;
    const size = sizes.get(key) ?? (axis === 0 ? batch : factor * ++later);
    sizes.set(key, size);
    return size;
  };
  return new Map(
    inputs.map((input) => {
      const type = elementTypeOf(input.dataType) ?? 'float32';
      return [
        input.name,
        randomArray(
          type,
          input.shape.map((_, axis) => sizeAt(input, axis)),
          stream,
          below,
        ),
      ];
    }),
  );
}

/** Standard normal numbers; integers and bits are uniform below `below`. */
export function randomArray(
  type: OnnxElementType,
  shape: readonly number[],
  stream: RandomStream,
  below: number,
): OnnxArray {
  const size = sizeOf(shape);
  if (isFloat(type)) {
    const values = stream.normal([size]).data;
    const data =
      type === 'float32' ? values : type === 'float64' ? Float64Array.from(values) : Uint16Array.from(values, toHalf);
    return { type, shape, data };
  }
  const draws = Array.from({ length: size }, () => stream.integer(type === 'bool' ? 2 : below));
  const makers = {
    int8: Int8Array,
    uint8: Uint8Array,
    int16: Int16Array,
    uint16: Uint16Array,
    int32: Int32Array,
    uint32: Uint32Array,
    bool: Uint8Array,
  };
  if (type === 'int64') return { type, shape, data: BigInt64Array.from(draws, BigInt) };
  if (type === 'uint64') return { type, shape, data: BigUint64Array.from(draws, BigInt) };
  return { type, shape, data: makers[type as keyof typeof makers].from(draws) };
}

/** The nearest float16 below in size, for numbers within ±65504. */
function toHalf(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size < 2 ** -14) return sign | Math.round(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  return sign | ((exponent + 15) << 10) | Math.floor((size / 2 ** exponent - 1) * 1024);
}
