import { assertClose, compile, ndarray, tf, valueAndGrads } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { normalizedRelu } from '@weightspace/metanet';
import type { DwsTensor } from '@weightspace/metanet';
import { expect, test } from 'vitest';

import { stream } from '../networks.ts';

const [BATCH, FOLDED, CHANNELS, ENTRIES] = [5, 2, 3, 4];
const tensor = { name: 't', sizes: [ENTRIES], folded: FOLDED } as unknown as DwsTensor;
const shape = [BATCH, FOLDED * CHANNELS, ENTRIES];
const given: NdArrays = {
  x: stream.split('x').normal(shape, 2, 3),
  'norm.t.gain': ndarray([1, -0.5, 2], [CHANNELS]),
  'norm.t.shift': ndarray([0.3, 0.1, -0.4], [CHANNELS]),
};

/** The definition, of whose operations tfjs takes the gradients one by one. */
function plain(params: Tensors): Tensor {
  const view = tf.reshape(params['x']!, [BATCH, FOLDED, CHANNELS, ENTRIES]);
  const { mean, variance } = tf.moments(view, [0, 1, 3], true);
  const column = (name: string) => tf.reshape(params[`norm.t.${name}`]!, [CHANNELS, 1]);
  const normal = tf.mul(tf.sub(view, mean), tf.rsqrt(tf.add(variance, 1e-5)));
  return tf.reshape(tf.relu(tf.add(tf.mul(normal, column('gain')), column('shift'))), shape);
}

const fused = (params: Tensors): Tensor =>
  normalizedRelu({ params, fixed: {}, statistics: {} }, 'norm', tensor, params['x']!, 'batch');

test('the ReLU of batch norm in training has the value and the gradients of its definition', async () => {
  const slopes = (f: (params: Tensors) => Tensor) => {
    const loss = (p: Tensors) => tf.sum(tf.sin(tf.mul(f(p), 0.7)));
    return compile(((p: Tensors) => ({ y: f(p), ...valueAndGrads(loss, p) })) as never) as unknown as (
      params: NdArrays,
    ) => Promise<{ y: NdArrays[string]; grads: NdArrays }>;
  };
  const [own, wanted] = [await slopes(fused)(given), await slopes(plain)(given)];
  assertClose(own.y!, wanted.y!, { rtol: 1e-5, atol: 1e-5 });
  for (const name of Object.keys(given)) {
    expect(Math.max(...wanted.grads[name]!.data.map(Math.abs)), name).toBeGreaterThan(1e-2);
    assertClose(own.grads[name]!, wanted.grads[name]!, { rtol: 1e-4, atol: 1e-5 });
  }
});
