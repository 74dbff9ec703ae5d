/** Small ONNX models, written by hand. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { RandomStream, sizeOf } from '@weightspace/compute';
import { AttributeProto_AttributeType, ModelProtoSchema, TensorProto_DataType } from 'onnx-buf';
import type {
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';

type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;
type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
export type GraphInit = MessageInitShape<typeof GraphProtoSchema>;

export type Setting = number | string | readonly number[] | { readonly graph: GraphInit } | { readonly float: number };

export interface ModelParts {
  /** By name; a text is a dimension without a fixed size. */
  readonly inputs: { readonly [name: string]: readonly (number | string)[] };
  readonly tensors?: readonly TensorInit[];
  readonly nodes: readonly NodeInit[];
  readonly outputs: readonly string[];
  readonly opset?: number;
  readonly integers?: readonly string[];
}

/** `node('Conv', ['x', 'w'], ['y'], { group: 2 })` */
export const node = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  settings: { readonly [name: string]: Setting } = {},
  domain = '',
): NodeInit => ({
  opType,
  domain,
  name: `${opType}_${output[0]!}`,
  input: [...input],
  output: [...output],
  attribute: Object.entries(settings).map(([name, value]) => attribute(name, value)),
});

function attribute(name: string, value: Setting): AttributeInit {
  const { INT, INTS, STRING, GRAPH, FLOAT } = AttributeProto_AttributeType;
  if (typeof value === 'number') return { name, type: INT, i: BigInt(value) };
  if (typeof value === 'string') return { name, type: STRING, s: new Uint8Array(Buffer.from(value)) };
  if ('graph' in value) return { name, type: GRAPH, g: value.graph };
  if ('float' in value) return { name, type: FLOAT, f: value.float };
  return { name, type: INTS, ints: value.map(BigInt) };
}

/** Random normal numbers, the same for a name and shape on every run. */
export function floats(name: string, dims: readonly number[], deviation = 0.7): TensorInit {
  const { data } = RandomStream.fromSeed(5).split(name).normal(dims, 0, deviation);
  return { name, dataType: TensorProto_DataType.FLOAT, dims: dims.map(BigInt), floatData: [...data] };
}

export const scalar = (name: string, value: number): TensorInit => ({
  name,
  dataType: TensorProto_DataType.FLOAT,
  floatData: [value],
});

/** Random scales, all above 0. */
export function scales(name: string, dims: readonly number[]): TensorInit {
  const { data } = RandomStream.fromSeed(6).split(name).uniform(dims, 0.01, 0.03);
  return { name, dataType: TensorProto_DataType.FLOAT, dims: dims.map(BigInt), floatData: [...data] };
}

export const longs = (name: string, values: readonly number[], dims = [values.length]): TensorInit => ({
  name,
  dataType: TensorProto_DataType.INT64,
  dims: dims.map(BigInt),
  int64Data: values.map(BigInt),
});

/** Random whole numbers of a small type. */
export function bytes(
  name: string,
  dims: readonly number[],
  type: 'INT8' | 'UINT8' | 'INT32',
  zero = false,
): TensorInit {
  const stream = RandomStream.fromSeed(7).split(name);
  const draw = () =>
    zero ? (type === 'UINT8' ? 128 : 0) : stream.integer(type === 'UINT8' ? 256 : 200) - (type === 'UINT8' ? 0 : 100);
  return {
    name,
    dataType: TensorProto_DataType[type],
    dims: dims.map(BigInt),
    int32Data: Array.from({ length: sizeOf(dims) }, draw),
  };
}

/** An input or output with its type. */
export const typed = (
  name: string,
  type: 'FLOAT' | 'INT64' | 'BOOL',
  shape: readonly (number | string)[],
): MessageInitShape<typeof ValueInfoProtoSchema> => ({
  name,
  type: {
    value: {
      case: 'tensorType',
      value: {
        elemType: TensorProto_DataType[type],
        shape: {
          dim: shape.map((size) => ({
            value:
              typeof size === 'number'
                ? { case: 'dimValue' as const, value: BigInt(size) }
                : { case: 'dimParam' as const, value: size },
          })),
        },
      },
    },
  },
});

/** The bytes of a model. */
export function model({ inputs, tensors = [], nodes, outputs, opset = 13, integers = [] }: ModelParts): Uint8Array {
  const graph: GraphInit = {
    name: 'test',
    node: [...nodes],
    initializer: [...tensors],
    input: Object.entries(inputs).map(([name, shape]) =>
      typed(name, integers.includes(name) ? 'INT64' : 'FLOAT', shape),
    ),
    output: outputs.map((name) => ({ name })),
  };
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 7n,
      opsetImport: [
        { domain: '', version: BigInt(opset) },
        { domain: 'com.microsoft', version: 1n },
      ],
      graph,
    }),
  );
}
