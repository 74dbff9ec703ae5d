/** @file Fitting networks of any architecture to functions that are known at some points, many at once. */
import { forwardStacked } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import {
  adam,
  compile,
  mapValues,
  ndarray,
  scalar,
  ShapeError,
  takeRows,
  tf,
  valueAndGrads,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Optimizer, Schedule, Tensor, Tensors } from '@weightspace/compute';

/** Networks that one graph fits. */
const GROUP = 8;

export interface FunctionFit {
  readonly steps: number;
  /** Rate of the optimizer by step. */
  readonly rate: Schedule;
  readonly beta1?: number;
  readonly beta2?: number;
  /** In the place of Adam, on stacks `[N, …shape]`. */
  readonly optimizer?: Optimizer;
  readonly threads?: number;
  /** Called after each finished group with the number of networks done. */
  readonly onProgress?: (done: number) => void;
}

export interface FunctionFitResult {
  /** By the architecture's names; `[N, …shape]`. */
  readonly parameters: NdArrays;
  /** Mean squared error at the end; `[N]`. */
  readonly loss: NdArray<'float32'>;
}

/**
 * Fits one network to each function by Adam (or another optimizer) on the mean squared error over all points.
 *
 * A network's result depends on its function, its start and the settings alone, not on who else is there.
 *
 * Letters: N networks, P points, I and O neurons of input and output.
 * @param inputs_pi the points; shape `[P, I]`
 * @param targets_npo the functions' values; shape `[N, P, O]`
 * @param start initial parameters; `[N, …shape]`
 * @throws {ShapeError} when the shapes disagree
 */
export async function fitFunctions(
  architecture: Architecture,
  inputs_pi: NdArray,
  targets_npo: NdArray,
  start: NdArrays,
  settings: FunctionFit,
): Promise<FunctionFitResult> {
  const [count, points] = targets_npo.shape as [number, number];
  if (points !== inputs_pi.shape[0]) {
    const remedy = 'give a value for each point';
    throw new ShapeError(
      'fitFunctions',
      'targets_npo',
      ['N', `P=${inputs_pi.shape[0]}`, 'O'],
      targets_npo.shape,
      remedy,
    );
  }
  const optimizer = settings.optimizer ?? adam({ beta1: settings.beta1 ?? 0.9, beta2: settings.beta2 ?? 0.999 });
  const errors = (p: Tensors, x: Tensor, y: Tensor): Tensor =>
    tf.mean(tf.squaredDifference(forwardStacked(architecture, p, x), y), [1, 2]);
  const options = { recycle: true, ...(settings.threads === undefined ? {} : { threads: settings.threads }) };
  const step = compile(
    (state: { p: Tensors; o: Tensors }, x: Tensor, y: Tensor, rate: Tensor) => {
      // The sum over networks: each network's gradient is that of its own error.
      const { grads } = valueAndGrads((p) => tf.sum(errors(p, x, y)), state.p);
      const next = optimizer.update(grads, state.o, state.p, rate);
      return { p: next.params, o: next.state };
    },
    { ...options, name: 'fit-functions step' },
  );
  const measure = compile(errors, { ...options, recycle: false, name: 'fit-functions error' });
  const parameters = mapValues(start, ({ data, shape }) => ndarray(new Float32Array(data.length), shape));
  const loss = new Float32Array(count);
  for (let from = 0; from < count; from += GROUP) {
    // A group is always of full size, so that one graph serves all; the last one repeats its last function.
    const members = Int32Array.from({ length: GROUP }, (_, i) => Math.min(from + i, count - 1));
    const first = mapValues(start, (array) => takeRows(array, members));
    const target = takeRows(targets_npo, members);
    let state: { p: NdArrays; o: NdArrays } = { p: first, o: optimizer.init(first) };
    for (let i = 0; i < settings.steps; i++) {
      state = (await step(state as never, inputs_pi, target, scalar(settings.rate(i)))) as never;
    }
    const own = Math.min(GROUP, count - from);
    const found = (await measure(state.p as never, inputs_pi, target)) as NdArray;
    loss.set(found.data.subarray(0, own) as Float32Array, from);
    for (const [name, { data }] of Object.entries(parameters)) {
      const { data: fitted } = state.p[name]!;
      const stride = fitted.length / GROUP;
      data.set(fitted.subarray(0, own * stride), from * stride);
    }
    settings.onProgress?.(from + own);
  }
  await Promise.all([step.release(), measure.release()]);
  return { parameters, loss: ndarray(loss, [count]) };
}
