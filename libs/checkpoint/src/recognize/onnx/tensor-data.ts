/** @file The numbers inside ONNX's tensor messages. */
import { create } from '@bufbuild/protobuf';
import { sizeOf } from '@weightspace/compute';
import type { OnnxArray, OnnxData, OnnxElementType } from '@weightspace/compute';
import { TensorProto_DataLocation, TensorProto_DataType, TensorProtoSchema } from 'onnx-buf';
import type { TensorProto } from 'onnx-buf';

import { RecognitionError } from './recognition-error.ts';

const DataType = TensorProto_DataType;

type Maker = { new (buffer: ArrayBuffer): OnnxData; from(values: never): OnnxData };

const types: readonly (readonly [TensorProto_DataType, OnnxElementType, Maker])[] = [
  [DataType.FLOAT, 'float32', Float32Array],
  [DataType.DOUBLE, 'float64', Float64Array],
  [DataType.FLOAT16, 'float16', Uint16Array],
  [DataType.INT8, 'int8', Int8Array],
  [DataType.UINT8, 'uint8', Uint8Array],
  [DataType.INT16, 'int16', Int16Array],
  [DataType.UINT16, 'uint16', Uint16Array],
  [DataType.INT32, 'int32', Int32Array],
  [DataType.UINT32, 'uint32', Uint32Array],
  [DataType.INT64, 'int64', BigInt64Array],
  [DataType.UINT64, 'uint64', BigUint64Array],
  [DataType.BOOL, 'bool', Uint8Array],
];

/** The element type, or undefined where it is none that ONNX Runtime's arrays have here (texts, bfloat16, 4 and 8 bit floats). */
export const elementTypeOf = (dataType: number): OnnxElementType | undefined =>
  types.find(([type]) => type === (dataType as TensorProto_DataType))?.[1];

const dataTypeOf = (type: OnnxElementType): TensorProto_DataType => types.find((row) => row[1] === type)![0];
const makerOf = (type: OnnxElementType): Maker => types.find((row) => row[1] === type)![2];

export const isFloat = (type: OnnxElementType): boolean => type.startsWith('float');

export const shapeOf = (tensor: TensorProto): number[] => tensor.dims.map(Number);

/**
 * A tensor's numbers, copied.
 *
 * @throws {RecognitionError} when they lie outside the file, are of an unknown type, or are too few or too many
 */
export function arrayOf(tensor: TensorProto, name = tensor.name): OnnxArray {
  const place = `tensor '${name}'`;
  const type = elementTypeOf(tensor.dataType);
  if (type === undefined) {
    const got = TensorProto_DataType[tensor.dataType] ?? `type ${tensor.dataType}`;
    throw new RecognitionError('recognizeOnnx', place, `hold ${types.map((row) => row[1]).join(', ')}`, got);
  }
  checkInside(tensor, name);
  const shape = shapeOf(tensor);
  const data = numbersOf(tensor, type);
  if (data.length !== sizeOf(shape)) {
    const expected = `hold the ${sizeOf(shape)} numbers of its shape [${shape.join(', ')}]`;
    throw new RecognitionError('recognizeOnnx', place, expected, `${data.length}`);
  }
  return { type, shape, data };
}

/** @throws {RecognitionError} when a tensor's numbers lie in another file */
export function checkInside(tensor: TensorProto, name: string): void {
  if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) return;
  const remedy = 'save the model with its data inside';
  throw new RecognitionError(
    'recognizeOnnx',
    `tensor '${name}'`,
    'have its numbers in the file',
    'external data',
    remedy,
  );
}

function numbersOf(tensor: TensorProto, type: OnnxElementType): OnnxData {
  const maker = makerOf(type);
  if (tensor.rawData.length > 0) {
    // Not `slice`, which doesn't copy where the file was read into a Buffer.
    const bytes = new Uint8Array(tensor.rawData);
    const width = maker.from([] as never).BYTES_PER_ELEMENT;
    return new maker(bytes.length % width === 0 ? bytes.buffer : new ArrayBuffer(0));
  }
  if (type === 'float32') return Float32Array.from(tensor.floatData);
  if (type === 'float64') return Float64Array.from(tensor.doubleData);
  if (type === 'int64') return BigInt64Array.from(tensor.int64Data);
  if (type === 'uint64') return BigUint64Array.from(tensor.uint64Data);
  if (type === 'uint32') return Uint32Array.from(tensor.uint64Data, Number);
  return maker.from(tensor.int32Data as never);
}

/** The message that holds an array, called `name`. */
export function tensorOf(name: string, { type, shape, data }: OnnxArray): TensorProto {
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return create(TensorProtoSchema, {
    name,
    dataType: dataTypeOf(type),
    dims: shape.map(BigInt),
    rawData: bytes.slice(),
  });
}

/** float16 bits as numbers; other types as they are. */
export function numbers({ type, data }: OnnxArray): ArrayLike<number> {
  if (type === 'float16') return Float32Array.from(data as Uint16Array, fromHalf);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Array.from(data, Number);
  return data;
}

function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15, (bits >> 10) & 31, bits & 1023];
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0
          ? Infinity
          : NaN
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return sign === 1 ? -size : size;
}
