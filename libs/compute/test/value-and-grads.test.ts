import { assertClose, compile, ndarray, scalar, ShapeError, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => tf.setBackend('cpu'));

const exact = { rtol: 0, atol: 0 };
/** Σ w² b, with gradients 2 w b and Σ w². */
const loss = (p: Tensors): Tensor => tf.sum(tf.mul(tf.square(p['w']!), p['b']!));
const arrays: NdArrays = { w: ndarray([1, 2, -3], [3]), unused: ndarray([5, 6], [2, 1]), b: scalar(0.5) };
const expected: NdArrays = { w: ndarray([1, 2, -3], [3]), unused: ndarray([0, 0], [2, 1]), b: scalar(14) };
const tensors = (): Tensors => ({ w: tf.tensor1d([1, 2, -3]), unused: tf.tensor2d([[5], [6]]), b: tf.scalar(0.5) });

describe('valueAndGrads', () => {
  test('gives the loss and a gradient for every name, 0 for what is not used', () => {
    const { value, grads } = valueAndGrads(loss, tensors());
    assertClose(value, scalar(7), exact);
    expect(Object.keys(grads)).toEqual(['w', 'unused', 'b']);
    for (const name of Object.keys(expected)) assertClose(grads[name]!, expected[name]!, exact);
  });

  test('gives the same when compiled', async () => {
    const both = compile(((p: Tensors) => valueAndGrads(loss, p)) as never) as unknown as Compiled<
      [Tensors],
      ReturnType<typeof valueAndGrads>
    >;
    const { value, grads } = await both(arrays);
    assertClose(value, scalar(7), exact);
    for (const name of Object.keys(expected)) assertClose(grads[name]!, expected[name]!, exact);
    await both.release();
  });

  test('gives zeros where the loss depends on no parameter, and nothing for no parameters', () => {
    const constant = () => tf.scalar(3);
    for (const grad of Object.values(valueAndGrads(constant, tensors()).grads))
      expect(Array.from(grad.dataSync())).toEqual(Array(grad.size).fill(0));
    expect(valueAndGrads(constant, {}).grads).toEqual({});
  });

  test('can be taken twice, for second derivatives', () => {
    const slope = (p: Tensors) =>
      tf.sum(valueAndGrads((q) => tf.sum(tf.mul(q['x']!, tf.square(q['x']!))), p).grads['x']!);
    assertClose(valueAndGrads(slope, { x: tf.tensor1d([2, -1]) }).grads['x']!, ndarray([12, -6], [2]), {
      rtol: 1e-6,
      atol: 0,
    });
  });

  test('refuses a loss that is no scalar', () => {
    const act = () => valueAndGrads((p) => p['w']!, tensors());
    expect(act).toThrow(ShapeError);
    expect(act).toThrow('valueAndGrads: loss must have shape [], got [3]; take its mean or sum');
  });

  test('leaves no tensor behind but its results', () => {
    const params = tensors();
    const before = tf.memory().numTensors;
    valueAndGrads(loss, params);
    expect(tf.memory().numTensors - before).toBe(4);
  });
});
