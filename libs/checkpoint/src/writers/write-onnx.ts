/** @file Named tensors as the initializers of an ONNX model, alone or in place of those of another model. */
import { show } from '../checkpoint-error.ts';
import type { TensorDType } from '../dtypes.ts';
import { readOnnxCheckpoint } from '../formats/onnx.ts';
import { writeAtomically } from '../io/atomic-file.ts';
import type { Sink } from '../io/atomic-file.ts';
import { FileSource } from '../io/byte-source.ts';
import { ONNX_DTYPES } from '../onnx/tensor-proto.ts';
import type { CheckpointTensor, WritableTensor } from '../tensor.ts';
import { bytesOf, checkTensors, refuse, valuesOf } from './writable.ts';

export interface WriteOnnxOptions {
  /**
   * An ONNX model whose graph is kept and whose tensors of the same names are replaced, with their dtypes and shapes.
   * It may be the file that is written.
   */
  readonly like?: string;
}

/** Protobuf's own limit. */
const SIZE_LIMIT = 2 ** 31 - 1;
const COPY_PIECE = 2 ** 24;
const DATA_TYPES: ReadonlyMap<TensorDType, number> = new Map(
  Object.entries(ONNX_DTYPES).map(([number, dtype]) => [dtype, Number(number)]),
);

/**
 * Writes tensors with the dtypes that they are stored in, bit by bit, as `raw_data` of initializers.
 *
 * Without `like` the model has no nodes: it only carries the tensors. Only one tensor is in memory at a time. The file
 * appears whole or not at all.
 *
 * @throws {CheckpointError} on a name that is there twice, more than 2 GB, values that can't be read, or when the file
 *   can't be written; with `like`, on a name, dtype or shape that its model doesn't have, or where that keeps the values
 *   in other files or in fields of varying length
 */
export function writeOnnx(file: string, tensors: Iterable<WritableTensor>, { like }: WriteOnnxOptions = {}): void {
  const list = [...tensors];
  checkTensors(file, list);
  if (like === undefined) writeAlone(file, list);
  else writeLike(file, list, like);
}

function writeAlone(file: string, tensors: readonly WritableTensor[]): void {
  const heads = tensors.map(({ name, dtype, shape }) => {
    const dims = shape.map((size) => integer(1, size));
    return Buffer.concat([...dims, integer(2, DATA_TYPES.get(dtype)!), text(8, name)]);
  });
  // Field 5 of the graph, with the length of the head and of the data in field 9.
  const starts = tensors.map((tensor, i) => {
    const raw = Buffer.concat([tag(9, 2), varint(bytesOf(tensor))]);
    return Buffer.concat([tag(5, 2), varint(heads[i]!.length + raw.length + bytesOf(tensor)), heads[i]!, raw]);
  });
  const name = text(2, 'tensors');
  const graphBytes = starts.reduce((sum, start, i) => sum + start.length + bytesOf(tensors[i]!), name.length);
  const opset = integer(2, 13);
  const model = [integer(1, 8), text(2, 'weightspace'), tag(8, 2), varint(opset.length), opset];
  if (graphBytes + 64 > SIZE_LIMIT)
    refuse(file, tensors[0]!.name, `a model of at most ${SIZE_LIMIT} bytes`, `${graphBytes}`, 'write safetensors');
  writeAtomically(file, (sink) => {
    sink.write(Buffer.concat([...model, tag(7, 2), varint(graphBytes), name]));
    tensors.forEach((tensor, i) => {
      sink.write(starts[i]!);
      sink.write(valuesOf(file, tensor));
    });
  });
}

function writeLike(file: string, tensors: readonly WritableTensor[], like: string): void {
  const source = new FileSource(like);
  const contents = source.holding(() => readOnnxCheckpoint(source, SIZE_LIMIT));
  const places = new Map(contents.tensors.map((tensor) => [tensor.name, tensor]));
  const targets = tensors.map((tensor) => [tensor, targetOf(file, tensor, places.get(tensor.name), like)] as const);
  writeAtomically(file, (sink) => {
    copy(source, sink);
    for (const [tensor, target] of targets) {
      const values = valuesOf(file, tensor);
      if (target.location?.file === like) sink.overwrite(values, target.location.offset);
      else if (!Buffer.from(values).equals(target.bytes()))
        refuse(file, tensor.name, `values that ${like} has as raw data of its own`, 'others', CONVERT);
    }
  });
}

const CONVERT = 'write the model again with onnx.save_model(onnx.load(file), file), its tensors as raw data';

function targetOf(
  file: string,
  tensor: WritableTensor,
  target: CheckpointTensor | undefined,
  like: string,
): CheckpointTensor {
  const remedy = 'pass tensors with the names, dtypes and shapes that the model has';
  if (!target) return refuse(file, tensor.name, `a tensor of ${show(like)}`, 'none of that name', remedy);
  const [wanted, found] = [target, tensor].map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`);
  if (wanted !== found) refuse(file, tensor.name, wanted!, found!, remedy);
  return target;
}

function copy(source: FileSource, sink: Sink): void {
  for (let at = 0; at < source.size; at += COPY_PIECE)
    sink.write(source.read(at, Math.min(COPY_PIECE, source.size - at)));
}

/** Protobuf's wire format. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
const tag = (field: number, wire: number): Buffer => varint(field * 8 + wire);
const integer = (field: number, value: number): Buffer => Buffer.concat([tag(field, 0), varint(value)]);
function text(field: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([tag(field, 2), varint(bytes.length), bytes]);
}
