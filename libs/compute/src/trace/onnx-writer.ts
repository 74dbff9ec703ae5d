/** @file A traced graph as an ONNX file. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, ModelProtoSchema } from 'onnx-buf';
import type {
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';

import { sizeOf } from '../nd-array.ts';
import { onnxType } from './build.ts';
import { elementsOf, uniformOf } from './graph.ts';
import type { Attribute, Node, Value } from './graph.ts';
import type { Traced } from './trace.ts';

const OPSET = 20n;
/** A uniform constant above this many elements is written as one number and a shape. */
const WRITTEN_OUT = 16;

type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
type GraphInit = MessageInitShape<typeof GraphProtoSchema>;
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;
type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type ValueInfoInit = MessageInitShape<typeof ValueInfoProtoSchema>;

export interface OnnxNames {
  /** Path in the arguments → name of the graph's input; unused arguments are absent. */
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
}

export interface OnnxOptions {
  /** Name of a first output that is an empty sequence; see `Session`. */
  readonly sentinel?: string;
}

/** @returns the bytes of the model, and what its inputs and outputs are called */
export function writeOnnx(
  traced: Traced,
  name: string,
  { sentinel }: OnnxOptions = {},
): { bytes: Uint8Array; names: OnnxNames } {
  const used = new Set(traced.nodes.flatMap((node) => node.inputs));
  for (const { value } of traced.outputs) used.add(value);
  const inputs = traced.inputs.filter(({ value }) => used.has(value));
  const outputs = traced.outputs.map(({ path, value }) => ({ path, value, name: `out.${path}` }));
  const nameOf = outputNames(outputs);
  const passedOn = outputs.filter((o) => nameOf(o.value) !== o.name);
  const constants = [...used].filter((value) => value.constant);
  const graph: GraphInit = {
    name,
    input: inputs.map(({ value }) => valueInfo(value.name, value)),
    output: [...(sentinel ? [emptySequence(sentinel)] : []), ...outputs.map((o) => valueInfo(o.name, o.value))],
    initializer: constants.map((value) => (isWide(value) ? shapeInitializer(value) : initializer(value))),
    node: [
      ...(sentinel ? [{ opType: 'SequenceEmpty', output: [sentinel], name: `n.${sentinel}` }] : []),
      ...constants.filter(isWide).map(constantOfShape),
      ...traced.nodes.map((node) => nodeInit(node, nameOf)),
      ...passedOn.map((o) => ({ opType: 'Identity', input: [nameOf(o.value)], output: [o.name], name: `n.${o.name}` })),
    ],
  };
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    producerName: 'weightspace',
    opsetImport: [
      { domain: '', version: OPSET },
      // Domains of ONNX Runtime's own operators have one version.
      ...[...new Set(traced.nodes.map(({ domain }) => domain))]
        .filter((domain) => domain !== '')
        .map((domain) => ({ domain, version: 1n })),
    ],
    graph,
  });
  const names = {
    inputs: new Map(inputs.map(({ path, value }) => [path, value.name])),
    outputs: new Map(outputs.map((o) => [o.path, o.name])),
  };
  return { bytes: toBinary(ModelProtoSchema, model), names };
}

const isWide = (value: Value): boolean => uniformOf(value) !== undefined && sizeOf(value.shape) > WRITTEN_OUT;

const dims = (shape: readonly number[]): bigint[] => shape.map(BigInt);

const valueInfo = (name: string, value: Value): ValueInfoInit => ({
  name,
  type: {
    value: {
      case: 'tensorType',
      value: {
        elemType: onnxType[value.type],
        shape: { dim: value.shape.map((n) => ({ value: { case: 'dimValue' as const, value: BigInt(n) } })) },
      },
    },
  },
});

const emptySequence = (name: string): ValueInfoInit => ({
  name,
  type: {
    value: {
      case: 'sequenceType',
      value: { elemType: { value: { case: 'tensorType', value: { elemType: onnxType.float32 } } } },
    },
  },
});

function initializer(value: Value): TensorInit {
  const { buffer, byteOffset, byteLength } = elementsOf(value);
  const rawData = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength).slice();
  return { name: value.name, dataType: onnxType[value.type], dims: dims(value.shape), rawData };
}

/** The shape that `constantOfShape` reads. */
const shapeInitializer = (value: Value): TensorInit => ({
  name: `${value.name}.shape`,
  dataType: onnxType.int64,
  dims: [BigInt(value.shape.length)],
  int64Data: dims(value.shape),
});

const constantOfShape = (value: Value): NodeInit => ({
  opType: 'ConstantOfShape',
  name: `n.${value.name}`,
  input: [`${value.name}.shape`],
  output: [value.name],
  attribute: [
    {
      name: 'value',
      type: AttributeProto_AttributeType.TENSOR,
      t: initializer({ ...value, name: 'value', shape: [1], constant: { uniform: uniformOf(value)! } }),
    },
  ],
});

/**
 * A value that a node makes is called as the output that it is; only inputs, constants and second names are copied.
 */
function outputNames(outputs: readonly { readonly value: Value; readonly name: string }[]): (value: Value) => string {
  const renamed = new Map<Value, string>();
  for (const { value, name } of outputs) if (value.node && !renamed.has(value)) renamed.set(value, name);
  return (value) => renamed.get(value) ?? value.name;
}

const nodeInit = (node: Node, nameOf: (value: Value) => string): NodeInit => ({
  opType: node.op,
  domain: node.domain,
  name: `n.${node.outputs[0]!.name}`,
  input: node.inputs.map(nameOf),
  output: node.outputs.map(nameOf),
  attribute: Object.entries(node.attributes).map(([name, value]) => attributeInit(name, value)),
});

function attributeInit(name: string, value: Attribute): AttributeInit {
  if (typeof value === 'string')
    return { name, type: AttributeProto_AttributeType.STRING, s: new Uint8Array(Buffer.from(value)) };
  if (typeof value === 'number') return { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) };
  if ('float' in value) return { name, type: AttributeProto_AttributeType.FLOAT, f: value.float };
  if ('floats' in value) return { name, type: AttributeProto_AttributeType.FLOATS, floats: [...value.floats] };
  return { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) };
}
