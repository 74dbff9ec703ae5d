import { forward, mlp, siren, transformer } from '@weightspace/architecture';
import { exportOnnx, mapValues, ndarray, openOnnx } from '@weightspace/compute';
import type { NdArrays, OnnxArray, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  assertFunction,
  CertificateError,
  certifyFunction,
  genericParameters,
  permutationGroup,
  randomInputs,
  symmetryGroup,
  VacuousError,
} from '@weightspace/symmetry';
import type { Architecture } from '@weightspace/architecture';

import { stream } from '@weightspace/symmetry/testing';

const words = transformer({ tokens: 3, vocabulary: 6, width: 4, depth: 1, heads: 2, hidden: 3, outputs: 2 });
const sines = siren({ sizes: [2, 6, 5, 1], omega: 5 });
const one = (architecture: Architecture): NdArrays =>
  mapValues(genericParameters(architecture, stream('params'), 1), (a) =>
    ndarray(a.data as Float32Array, a.shape.slice(1)),
  );

describe('certifyFunction', () => {
  test.each([
    ['words', words],
    ['sines', sines],
  ])('passes an architecture, positions and words included: %s', async (_, architecture) => {
    const report = await assertFunction({
      group: symmetryGroup(architecture),
      params: one(architecture),
      stream: stream('c'),
    });
    expect(report).toMatchObject({ kind: 'function preservation', name: architecture.name, passed: true, elements: 3 });
    expect(report.error).toBeLessThan(1e-5);
  });
  test('fails when the labels allow what changes the function, naming the element', async () => {
    const shuffled = { ...words, spaces: words.spaces.map((s) => ({ ...s, free: true })) };
    const test = { group: permutationGroup(shuffled), params: one(words), stream: stream('c') };
    expect((await certifyFunction(test)).passed).toBe(false);
    await expect(assertFunction(test)).rejects.toThrow(CertificateError);
    await expect(assertFunction(test)).rejects.toThrow(/breaks function preservation: .* \(element \d\)/);
  });
  test('fails for a scale that the activation has not', async () => {
    const tanh = mlp({ sizes: [2, 5, 1], activation: 'tanh' });
    const spaces = tanh.spaces.map((s) => ({ ...s, symmetries: { ...s.symmetries, scale: s.free } }));
    const group = symmetryGroup({ ...tanh, spaces }, ['scale']);
    expect((await certifyFunction({ group, params: one(tanh), stream: stream('c') })).passed).toBe(false);
  });
  test('runs anything: an ONNX model in ONNX Runtime', async () => {
    const x = randomInputs(sines, stream('x'), 8);
    const params = one(sines);
    const model = await modelOf(sines, params, x);
    const group = symmetryGroup(sines);
    const report = await assertFunction({ group, params, stream: stream('c'), run: model.run, name: 'model' });
    expect(report.tensors.length).toBe(1);
    const wrong = symmetryGroup({ ...sines, spaces: sines.spaces.map((s) => ({ ...s, free: true })) }, ['permutation']);
    expect((await certifyFunction({ group: wrong, params, stream: stream('c'), run: model.run })).passed).toBe(false);
    await model.release();
  });
  test('is vacuous without a symmetry, or where the output does not depend on the parameters', async () => {
    const params = one(sines);
    const group = symmetryGroup({ ...sines, spaces: sines.spaces.map((s) => ({ ...s, free: false })) });
    await expect(certifyFunction({ group, params, stream: stream('c') })).rejects.toThrow(VacuousError);
    const run = () => ndarray([1, 2], [2]);
    await expect(certifyFunction({ group: symmetryGroup(sines), params, stream: stream('c'), run })).rejects.toThrow(
      "doesn't depend on the input",
    );
  });
});

/** The architecture as an ONNX model whose parameters are inputs, run without our forward. */
async function modelOf(architecture: Architecture, params: NdArrays, x: NdArrays) {
  const bytes = exportOnnx((p: Tensors, inputs: Tensors) => forward(architecture, p, inputs), [params, x], 'model');
  const runner = await openOnnx(bytes);
  const run = async (own: NdArrays): Promise<NdArrays> => {
    const arrays = runner.inputs.map(({ name }): [string, OnnxArray] => {
      const found = Object.entries({ ...own, ...x }).find(([key]) => name.endsWith(`.${key}`))!;
      return [name, { type: 'float32', shape: found[1].shape, data: found[1].data as Float32Array }];
    });
    const outputs = await runner.run(new Map(arrays));
    return mapValues(Object.fromEntries(outputs), ({ data, shape }) => ndarray(data as Float32Array, shape));
  };
  return { run, release: () => runner.release() };
}
