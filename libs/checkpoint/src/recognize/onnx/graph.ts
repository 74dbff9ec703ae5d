/** @file ONNX's messages as a graph of named nodes with plain attributes. */
import { fromBinary } from '@bufbuild/protobuf';
import type { OnnxArray } from '@weightspace/compute';
import { ModelProtoSchema } from 'onnx-buf';
import type { AttributeProto, GraphProto, ModelProto, NodeProto } from 'onnx-buf';

import { capturedBy } from './branches.ts';
import { RecognitionError } from './recognition-error.ts';
import { arrayOf } from './tensor-data.ts';

/** A node's settings. Each method gives `standard` where the node doesn't have the attribute. */
export class Attributes {
  readonly #byName: ReadonlyMap<string, AttributeProto>;

  constructor(attributes: readonly AttributeProto[]) {
    this.#byName = new Map(attributes.map((attribute) => [attribute.name, attribute]));
  }

  has = (name: string): boolean => this.#byName.has(name);
  int = (name: string, standard: number): number => {
    const found = this.#byName.get(name);
    return found === undefined ? standard : Number(found.i);
  };
  float = (name: string, standard: number): number => this.#byName.get(name)?.f ?? standard;
  ints = (name: string): readonly number[] | undefined => this.#byName.get(name)?.ints.map(Number);
  text = (name: string, standard: string): string => {
    const found = this.#byName.get(name);
    return found === undefined ? standard : Buffer.from(found.s).toString();
  };
  /** A `Constant` node's value, in whichever attribute it stands. */
  value = (): OnnxArray | undefined => {
    const tensor = this.#byName.get('value')?.t;
    if (tensor) return arrayOf(tensor, 'value');
    const floats = this.#byName.get('value_floats')?.floats;
    if (floats) return { type: 'float32', shape: [floats.length], data: Float32Array.from(floats) };
    const ints = this.#byName.get('value_ints')?.ints;
    if (ints) return { type: 'int64', shape: [ints.length], data: BigInt64Array.from(ints) };
    const float = this.#byName.get('value_float');
    if (float) return { type: 'float32', shape: [], data: Float32Array.of(float.f) };
    const int = this.#byName.get('value_int');
    if (int) return { type: 'int64', shape: [], data: BigInt64Array.of(int.i) };
    return undefined;
  };
  /** Graphs inside the node: branches and loop bodies. */
  graphs = (): readonly GraphProto[] =>
    [...this.#byName.values()].flatMap(({ g, graphs }) => [...(g ? [g] : []), ...graphs]);
}

export interface OnnxNode {
  /** The node's own name, or else `<operator>_<first output>`. */
  readonly name: string;
  readonly op: string;
  /** '' for ONNX's own operators. */
  readonly domain: string;
  /** '' where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** Names that graphs inside of it take from outside. */
  captured(): readonly string[];
}

export const nodeOf = (node: NodeProto): OnnxNode => {
  const { name, opType, domain, input, output, attribute } = node;
  return {
    name: name || `${opType}_${output.find((o) => o !== '') ?? ''}`,
    op: opType,
    domain: domain === 'ai.onnx' ? '' : domain,
    inputs: input,
    outputs: output,
    attributes: new Attributes(attribute),
    captured: () => capturedBy(node),
  };
};

/** An input of a model; a dimension without a fixed size is a name, '' where it has none. */
export interface ModelInput {
  readonly name: string;
  readonly dataType: number;
  readonly shape: readonly (number | string)[];
}

/**
 * The inputs that a model must be given: those that no initializer stands in for.
 *
 * @throws {RecognitionError} when an input isn't an array of known rank
 */
export function inputsOf(graph: GraphProto): ModelInput[] {
  const given = new Set(graph.initializer.map(({ name }) => name));
  return graph.input
    .filter(({ name }) => !given.has(name))
    .map(({ name, type }) => {
      const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined;
      if (tensor?.shape === undefined) {
        const found = tensor === undefined ? (type?.value.case ?? 'no type') : 'no shape';
        throw new RecognitionError('recognizeOnnx', `input '${name}'`, 'be an array with a shape', found);
      }
      const shape = tensor.shape.dim.map(({ value }) => {
        if (value.case === 'dimValue' && value.value > 0n) return Number(value.value);
        return value.case === 'dimParam' ? value.value : '';
      });
      return { name, dataType: tensor.elemType, shape };
    });
}

/**
 * @param file for messages
 * @throws {RecognitionError} when the bytes are no ONNX model
 */
export function decodeModel(bytes: Uint8Array, file: string): ModelProto & { graph: GraphProto } {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RecognitionError('recognizeOnnx', file, 'be an ONNX model', reason, undefined, { cause });
  }
  if (model.graph === undefined || model.graph.output.length === 0) {
    throw new RecognitionError('recognizeOnnx', file, 'be an ONNX model with a graph that has outputs', 'none');
  }
  return model as ModelProto & { graph: GraphProto };
}

/** The version of ONNX's own operators that a model asks for. */
export const opsetOf = (model: ModelProto): number =>
  Number(model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 1n);
