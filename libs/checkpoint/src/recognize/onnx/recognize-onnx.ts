/** @file The network in an ONNX file. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

import type { GraphProto, ModelProto } from 'onnx-buf';

import { makeNamesDistinct, tensorsOf } from './branches.ts';
import { evaluate } from './evaluate.ts';
import { decodeModel } from './graph.ts';
import type { Source } from './labeller.ts';
import { networkOf } from './network.ts';
import type { OnnxNetwork } from './network.ts';
import { checkInside } from './tensor-data.ts';
import { upgradeOpset } from './upgrade.ts';
import { labelModel } from './walk.ts';

/** A model as it is recognized and run: of an opset that ONNX Runtime knows, with one meaning for each name. */
export type ReadyModel = ModelProto & { graph: GraphProto };

/** @throws {RecognitionError} when it is no ONNX model, of too old an opset, or has data in other files */
export function readyModel(bytes: Uint8Array, file: string): ReadyModel {
  const model = upgradeOpset(decodeModel(bytes, file));
  makeNamesDistinct(model.graph);
  for (const [tensor, message] of tensorsOf(model.graph)) checkInside(message, tensor);
  return model;
}

/** What stands in the file as an array, by name. */
export const sourcesOf = (model: ReadyModel): Map<string, Source> =>
  new Map([...tensorsOf(model.graph)].map(([name, tensor, constant]) => [name, { tensor, constant }]));

/**
 * The network in an ONNX file: its parameters, what their axes index, and so its symmetries.
 *
 * The model is run once on small random inputs, so that all shapes and constants are true ones. Then labels of axes are
 * carried through each operator. Axes of the model's inputs and outputs are fixed, and so is what an operator touches that
 * isn't known; that is listed in `frozen`.
 *
 *     const network = await recognizeOnnx('resnet.onnx');
 *     symmetryGroup(network).log10Order;
 *
 * @param file a path, or the bytes of a file
 * @throws {RecognitionError} when it is no ONNX model, or none that ONNX Runtime runs
 */
export async function recognizeOnnx(file: string | Uint8Array): Promise<OnnxNetwork> {
  const [bytes, name] = typeof file === 'string' ? [await readFile(file), basename(file)] : [file, 'the model'];
  return recognizeModel(readyModel(bytes, name), name);
}

/** @param name for the network */
export async function recognizeModel(model: ReadyModel, name: string): Promise<OnnxNetwork> {
  const sources = sourcesOf(model);
  const evaluation = await evaluate(model);
  return networkOf(model.graph.name || name, labelModel(evaluation, sources), [...sources.keys()]);
}
