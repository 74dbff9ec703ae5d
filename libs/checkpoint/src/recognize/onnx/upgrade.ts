/** @file Models of before opset 7, which ONNX Runtime doesn't run, as models of opset 7. */
import { clone, create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, ModelProtoSchema, NodeProtoSchema } from 'onnx-buf';
import type { AttributeProto, GraphProto, ModelProto, NodeProto } from 'onnx-buf';

import { opsetOf } from './graph.ts';
import { RecognitionError } from './recognition-error.ts';

const OLDEST_RUN = 7;
const OLDEST_READ = 5;
const BINARY = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'And', 'Or', 'Xor', 'Equal', 'Less', 'Greater', 'PRelu'];
/** Attributes of before opset 7 that say what is now always so. */
const DROPPED = ['broadcast', 'axis', 'is_test', 'consumed_inputs', 'spatial'];
const WITHOUT = [...BINARY, 'Gemm', 'BatchNormalization', 'Dropout'];

/**
 * The same function for a runtime that knows opset 7: broadcasting is written out and settings for training are left out.
 *
 * @returns the model itself where it is new enough
 * @throws {RecognitionError} on opsets below 5, and where the rank that a broadcast needs can't be told
 */
export function upgradeOpset<M extends ModelProto>(model: M): M {
  const opset = opsetOf(model);
  if (opset >= OLDEST_RUN) return model;
  if (opset < OLDEST_READ) {
    const remedy = "convert it with onnx's version_converter";
    throw new RecognitionError('recognizeOnnx', '', `have opset ${OLDEST_READ} or later`, `${opset}`, remedy);
  }
  const upgraded = clone(ModelProtoSchema, model) as M;
  for (const entry of upgraded.opsetImport) {
    if (entry.domain === '' || entry.domain === 'ai.onnx') entry.version = BigInt(OLDEST_RUN);
  }
  const graph = upgraded.graph!;
  const ranks = ranksOf(graph);
  graph.node = graph.node.flatMap((node) => upgradeNode(node, ranks));
  return upgraded;
}

function upgradeNode(node: NodeProto, ranks: ReadonlyMap<string, number>): NodeProto[] {
  if (!WITHOUT.includes(node.opType)) return [node];
  const axis = node.attribute.find(({ name }) => name === 'axis');
  const aligned = node.opType === 'PRelu' ? 1 : axis && Number(axis.i);
  node.attribute = node.attribute.filter(({ name }) => !DROPPED.includes(name));
  if (!BINARY.includes(node.opType) || aligned === undefined) return [node];
  const [a, b] = node.input.map((name) => ranks.get(name)) as [number | undefined, number | undefined];
  if (a === undefined || b === undefined) {
    const expected = 'have operands of known rank';
    throw new RecognitionError('recognizeOnnx', `node '${node.name || node.output[0]}'`, expected, 'none');
  }
  const first = aligned < 0 ? aligned + a : aligned;
  if (b === 0 || first + b >= a || (node.opType === 'PRelu' && b !== 1)) return [node];
  const widened = `${node.output[0]!}.aligned`;
  const axes = Array.from({ length: a - first - b }, (_, i) => BigInt(b + i));
  const unsqueeze = create(NodeProtoSchema, {
    opType: 'Unsqueeze',
    name: widened,
    input: [node.input[1]!],
    output: [widened],
    attribute: [intsAttribute('axes', axes)],
  });
  node.input[1] = widened;
  return [unsqueeze, node];
}

const intsAttribute = (name: string, ints: bigint[]): AttributeProto =>
  create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints });

/** Ranks that can be told without running: declared ones, and those that operators with weights pass on. */
function ranksOf(graph: GraphProto): Map<string, number> {
  const ranks = new Map(graph.initializer.map(({ name, dims }) => [name, dims.length]));
  for (const { name, type } of [...graph.input, ...graph.valueInfo, ...graph.output]) {
    const rank = type?.value.case === 'tensorType' ? type.value.value.shape?.dim.length : undefined;
    if (rank !== undefined) ranks.set(name, rank);
  }
  const sameAsFirst = [
    'Relu',
    'Sigmoid',
    'Tanh',
    'LeakyRelu',
    'BatchNormalization',
    'MaxPool',
    'AveragePool',
    ...BINARY,
  ];
  for (const { opType, input, output } of graph.node) {
    const from = opType.startsWith('Conv') ? input[1] : sameAsFirst.includes(opType) ? input[0] : undefined;
    const rank = from === undefined ? undefined : ranks.get(from);
    if (rank !== undefined && !ranks.has(output[0]!)) ranks.set(output[0]!, rank);
    if (opType === 'Gemm') ranks.set(output[0]!, 2);
  }
  return ranks;
}
