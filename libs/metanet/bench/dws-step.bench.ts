/** @file One training step of the DWSNets classifier as published, beside the same in PyTorch. */
import { initialize, siren } from '@weightspace/architecture';
import { adamW, compile, ndarray, RandomStream, scalar, tf, valueAndGrads } from '@weightspace/compute';
import type { Benchmark, Compiled, NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { createMetanet, metanetKind } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

const BATCH = 64;
const CLASSES = 10;

interface State {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
type Step = Compiled<[State, Tensors, Tensors, Tensor, Tensor], { readonly state: State; readonly loss: Tensor }>;

function prepared() {
  const architecture = siren({ sizes: [2, 32, 32, 1] });
  const model = createMetanet('dws', architecture, CLASSES, metanetKind('dws').published!.settings as Settings);
  const optimizer = adamW({ weightDecay: 5e-4, amsgrad: true });
  const update = (state: State, fixed: Tensors, weights: Tensors, target_bk: Tensor, rate: Tensor) => {
    const loss = (p: Tensors) =>
      tf.neg(tf.mean(tf.sum(tf.mul(target_bk, tf.logSoftmax(model.apply(p, fixed, weights, {}))), 1))) as tf.Scalar;
    const { value, grads } = valueAndGrads(loss, state.params);
    const next = optimizer.update(grads, state.optimizer, state.params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  const stream = RandomStream.fromSeed(0);
  const weights = initialize(architecture, stream, { count: BATCH });
  const params = model.initialize(stream);
  const fixed = model.measure(weights, stream);
  const step = compile(update as never, { name: 'dws', recycle: true }) as unknown as Step;
  let state: { params: NdArrays; optimizer: NdArrays } = { params, optimizer: optimizer.init(params) };
  return {
    call: async () => {
      state = (await step(state, fixed, weights, oneHot(), scalar(5e-3))).state;
      return { parameters: model.parameterCount };
    },
    facts: () => {
      const { flops, traceSeconds, sessionSeconds } = step.statistics();
      return { flops, buildSeconds: traceSeconds + sessionSeconds };
    },
    release: () => step.release(),
  };
}

function oneHot(): NdArray {
  const data = new Float32Array(BATCH * CLASSES);
  for (let i = 0; i < BATCH; i++) data[i * CLASSES + (i % CLASSES)] = 1;
  return ndarray(data, [BATCH, CLASSES]);
}

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'dws-step: 5 × 32 channels, set attention, batch 64, AdamW',
    calls: 7,
    prepare: () => Promise.resolve(prepared()),
    torch: [
      { label: '1 thread', script: 'dws_step.py', args: ['--threads', '1'] },
      { label: '2 threads', script: 'dws_step.py', args: ['--threads', '2', '--blas-threads', '2', '--calls', '3'] },
    ],
  },
];
