import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { RecognitionError, recognizeOnnx, verifyOnnx } from '@weightspace/checkpoint';
import { ModelProtoSchema, TensorProto_DataLocation } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, test } from 'vitest';

import { floats, model, node } from './onnx-model.ts';

const small = model({
  inputs: { x: [2, 3] },
  tensors: [floats('w', [3, 4])],
  nodes: [node('MatMul', ['x', 'w'], ['y'])],
  outputs: ['y'],
});

/** The model with something wrong in it. */
function broken(damage: (model: ModelProto) => void): Uint8Array {
  const copy = fromBinary(ModelProtoSchema, small);
  damage(copy);
  return toBinary(ModelProtoSchema, copy);
}

async function errorOf(bytes: Uint8Array): Promise<RecognitionError> {
  const error: unknown = await recognizeOnnx(bytes).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RecognitionError);
  return error as RecognitionError;
}

describe('recognizeOnnx says what is wrong', () => {
  test('with bytes that are no model', async () => {
    const { message, cause } = await errorOf(Uint8Array.of(255, 255, 255));
    expect(message).toMatch(/^recognizeOnnx: the model must be an ONNX model, got /);
    expect(cause).toBeInstanceOf(Error);
  });

  test('with a file without a graph', async () => {
    const { message } = await errorOf(new Uint8Array(0));
    expect(message).toBe('recognizeOnnx: the model must be an ONNX model with a graph that has outputs, got none');
  });

  test('with an opset from before 2017', async () => {
    const { message } = await errorOf(broken((m) => (m.opsetImport[0]!.version = 3n)));
    expect(message).toBe(
      "recognizeOnnx: the model must have opset 5 or later, got 3; convert it with onnx's version_converter",
    );
  });

  test('with numbers that lie in another file', async () => {
    const bytes = broken((m) => {
      m.graph!.initializer[0]!.dataLocation = TensorProto_DataLocation.EXTERNAL;
    });
    const { message, place } = await errorOf(bytes);
    expect(message).toBe(
      "recognizeOnnx: tensor 'w' must have its numbers in the file, got external data; save the model with its data inside",
    );
    expect(place).toBe("tensor 'w'");
  });

  test('with an operator that nobody has', async () => {
    const { message } = await errorOf(broken((m) => (m.graph!.node[0]!.opType = 'Nonsense')));
    expect(message).toMatch(/^recognizeOnnx: the model must be one that ONNX Runtime loads, got .*Nonsense/s);
  });

  test('with shapes that do not fit', async () => {
    const bytes = broken((m) => {
      m.graph!.initializer[0]!.dims = [4n, 3n];
      m.graph!.output = [{ ...m.graph!.output[0]! }];
    });
    const { message } = await errorOf(bytes);
    expect(message).toMatch(
      /^recognizeOnnx: the model must (run on inputs of some size|be one that ONNX Runtime loads), got /,
    );
  });

  test('with an input that has no shape', async () => {
    const bytes = broken((m) => {
      const tensor = m.graph!.input[0]!.type!.value;
      if (tensor.case === 'tensorType') delete tensor.value.shape;
    });
    const { message } = await errorOf(bytes);
    expect(message).toBe("recognizeOnnx: input 'x' must be an array with a shape, got no shape");
  });
});

describe('verifyOnnx', () => {
  test('says that there is nothing to prove of a trivial group', async () => {
    const { preserved, nontrivial, moved, log10Order } = await verifyOnnx(small);
    expect({ preserved, nontrivial, moved, log10Order }).toEqual({
      preserved: true,
      nontrivial: false,
      moved: false,
      log10Order: 0,
    });
  });

  test('fails where the tolerance is below rounding', async () => {
    const wide = model({
      inputs: { x: [2, 3] },
      tensors: [floats('w', [3, 40]), floats('v', [40, 4])],
      nodes: [node('MatMul', ['x', 'w'], ['h']), node('MatMul', ['h', 'v'], ['y'])],
      outputs: ['y'],
    });
    expect((await verifyOnnx(wide)).preserved).toBe(true);
    expect((await verifyOnnx(wide, { tolerance: 0 })).preserved).toBe(false);
  });
});
