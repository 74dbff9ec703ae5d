/** @file One training step of NG-T and of NG-GNN as published, beside the same in PyTorch. */
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
interface Batch {
  readonly fixed: Tensors;
  readonly weights: Tensors;
  readonly noise: Tensors;
  readonly target_bk: Tensor;
}
type Step = Compiled<[State, Batch, Tensor], { readonly state: State; readonly loss: Tensor }>;

function prepared(kind: string) {
  const architecture = siren({ sizes: [2, 32, 32, 1] });
  const model = createMetanet(kind, architecture, CLASSES, metanetKind(kind).published!.settings as Settings);
  const optimizer = adamW();
  const update = ({ params, optimizer: moments }: State, { fixed, weights, noise, target_bk }: Batch, rate: Tensor) => {
    const loss = (p: Tensors) =>
      tf.neg(tf.mean(tf.sum(tf.mul(target_bk, tf.logSoftmax(model.apply(p, fixed, weights, noise))), 1))) as tf.Scalar;
    const { value, grads } = valueAndGrads(loss, params);
    const next = optimizer.update(grads, moments, params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  const stream = RandomStream.fromSeed(0);
  const weights = initialize(architecture, stream, { count: BATCH });
  const params = model.initialize(stream);
  const fixed = model.measure(weights, stream);
  const step = compile(update as never, { name: kind, recycle: true }) as unknown as Step;
  let state: { params: NdArrays; optimizer: NdArrays } = { params, optimizer: optimizer.init(params) };
  let calls = 0;
  return {
    // Masks are drawn within the step, as in PyTorch.
    call: async () => {
      const noise = model.noise(BATCH, stream.split(calls++));
      const done = await step(state, { weights, fixed, noise, target_bk: oneHot() }, scalar(1e-3));
      state = done.state;
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

const torch = (script: string, calls: number) =>
  [2, 1].map((threads) => ({
    label: threads === 1 ? '1 thread' : '2 threads',
    script,
    args: ['--threads', String(threads), '--blas-threads', String(threads), '--calls', String(calls)],
  }));

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'ng-t-step: 4 layers, batch 64, AdamW',
    calls: 7,
    prepare: () => Promise.resolve(prepared('ng-t')),
    torch: torch('ng_t_step.py', 3),
  },
  {
    name: 'ng-gnn-step: 4 layers of 32, batch 64, AdamW',
    calls: 9,
    prepare: () => Promise.resolve(prepared('ng-gnn')),
    torch: torch('ng_gnn_step.py', 5),
  },
];
