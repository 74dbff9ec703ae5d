/** @file K inner steps of N networks, in one compiled graph or in several. */
import { compile, mapValues, sizeOf, tf, valueAndGrads } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { checkWhole, LearnedOptimizerError } from '../kinds.ts';
import type { LearnedOptimizer } from '../optimizers/learned-optimizer.ts';
import type { Task } from '../tasks/task.ts';
import { delayed } from './delayed.ts';
import { drawFirstHorizon, drawHorizon } from './horizon.ts';
import type { HorizonRange } from './horizon.ts';
import { filled, overwriteRows, repeated } from './unroll-state.ts';
import type { UnrollState } from './unroll-state.ts';

export interface TruncationSettings {
  /** T: networks, or pairs of them, that share starts, horizons and data. */
  readonly tasks: number;
  /** K: inner steps of a truncation. */
  readonly length: number;
  readonly horizon: HorizonRange;
  /** Inner steps in one compiled graph; divides K. All of them when absent. */
  readonly stepsPerCall?: number;
  readonly threads?: number;
}

/** What came of K inner steps. */
export interface Truncation {
  readonly state: UnrollState;
  /** Normalized losses, each before its update; shape `[K, N]`. */
  readonly losses: NdArray<'float32'>;
  /** The same as they are: NaN and infinite ones too; shape `[K, N]`. */
  readonly rawLosses: NdArray<'float32'>;
}

/** K inner steps of N networks; N is T, or 2 T where pairs run with opposite perturbations, + behind one another, then −. */
export interface TruncatedStep {
  readonly task: Task;
  readonly optimizer: LearnedOptimizer;
  readonly settings: Required<TruncationSettings>;
  /**
   * Networks at their start, in `signs` equal blocks.
   *
   * @param horizon for all; drawn for each, and shortened by a random part, when absent
   */
  readonly start: (stream: RandomStream, signs: 1 | 2, horizon?: number) => Promise<UnrollState>;
  /**
   * Makes K steps. All blocks see the same data.
   *
   * @param meta shape `[M, …]`, M dividing N
   */
  readonly run: (meta: NdArrays, state: UnrollState, stream: RandomStream) => Promise<Truncation>;
  /** As `run` with T networks and as many copies, and the gradient of each network's mean loss with respect to its own; `[T, …]`. */
  readonly runWithGradients: (
    meta: NdArrays,
    state: UnrollState,
    stream: RandomStream,
  ) => Promise<Truncation & { readonly gradients: NdArrays }>;
  /** Networks whose horizon is over begin anew, in the arrays of the state, with horizons that are drawn. @returns which did; `[T]` */
  readonly restart: (
    state: UnrollState,
    stream: RandomStream,
  ) => Promise<{ readonly state: UnrollState; readonly ended: readonly boolean[] }>;
  readonly release: () => Promise<void>;
}

interface Networks {
  readonly params: Tensors;
  readonly memory: Tensors;
}
interface Inputs {
  /** At the first of the steps; shape `[T]`. */
  readonly step: Tensor;
  readonly horizon: Tensor;
  /** Shape `[k · T, …]`. */
  readonly batch: Tensors;
}
interface Steps extends Networks {
  readonly losses: Tensor;
  readonly rawLosses: Tensor;
}

/**
 * @param prompt gets its gradients late where the task has them come so
 * @param given `stepsPerCall` in one graph saves what a call costs, in several the time to build them
 * @throws {LearnedOptimizerError} on settings that aren't possible
 */
export function truncatedStep(task: Task, prompt: LearnedOptimizer, given: TruncationSettings): TruncatedStep {
  const optimizer = delayed(prompt, task.gradientDelay ?? 0);
  const settings = checked({ stepsPerCall: given.length, threads: 1, ...given });
  const { tasks, length, horizon, stepsPerCall, threads } = settings;
  const unrolled =
    (count: number) =>
    (meta: Tensors, networks: Networks, inputs: Inputs): Steps =>
      steps(task, optimizer, meta, networks, inputs, tasks, count);
  const withGradients = (meta: Tensors, networks: Networks, inputs: Inputs) => {
    const all = unrolled(length);
    const meanLoss = (m: Tensors) => tf.sum(tf.mean(all(m, networks, inputs).losses, 0));
    return { ...all(meta, networks, inputs), gradients: valueAndGrads(meanLoss, meta).grads };
  };
  const name = `${optimizer.kind} on ${task.name}`;
  const compiled = {
    start: compile((params: Tensors) => optimizer.start(params), { threads, name: `start of ${name}` }),
    steps: compile(unrolled(stepsPerCall), { threads, name, recycle: true }),
    gradients: compile(withGradients, { threads, name: `gradients of ${name}` }),
  };

  async function fresh(stream: RandomStream, signs: number) {
    const params = repeated(task.initialize(stream, tasks), signs);
    return { params, memory: (await compiled.start(params as never)) as unknown as NdArrays };
  }

  return {
    task,
    optimizer,
    settings,
    start: async (stream, signs, all) => {
      const draws = stream.split('horizon');
      const first = () => (all === undefined ? drawFirstHorizon(draws, horizon, length) : all);
      const begun = await fresh(stream.split('start'), signs);
      return { ...begun, step: filled(tasks, () => 0), horizon: filled(tasks, first) };
    },
    run: async (meta, state, stream) => {
      const batch = task.batch(stream.split('batch'), 'train', length * tasks);
      let [params, memory] = [state.params, state.memory];
      const [losses, rawLosses] = [new Collected(length), new Collected(length)];
      for (let done = 0; done < length; done += stepsPerCall) {
        const inputs = {
          step: filled(tasks, (t) => state.step.data[t]! + done),
          horizon: state.horizon,
          batch: mapValues(batch, (array) => slice(array, done * tasks, (done + stepsPerCall) * tasks)),
        };
        const made = await compiled.steps(meta as never, { params, memory } as never, inputs as never);
        const next = made as unknown as { [name in keyof Steps]: Steps[name] extends Tensor ? NdArray : NdArrays };
        ({ params, memory } = next);
        losses.add(next.losses);
        rawLosses.add(next.rawLosses);
      }
      return { state: advanced(state, params, memory, length), losses: losses.all(), rawLosses: rawLosses.all() };
    },
    runWithGradients: async (meta, state, stream) => {
      const batch = task.batch(stream.split('batch'), 'train', length * tasks);
      const { params, memory, step, horizon } = state;
      const made = await compiled.gradients(
        meta as never,
        { params, memory } as never,
        { step, horizon, batch } as never,
      );
      const next = made as unknown as {
        readonly params: NdArrays;
        readonly memory: NdArrays;
        readonly losses: NdArray<'float32'>;
        readonly rawLosses: NdArray<'float32'>;
        readonly gradients: NdArrays;
      };
      return { ...next, state: advanced(state, next.params, next.memory, length) };
    },
    restart: async (state, stream) => {
      const ended = Array.from(state.step.data, (step, t) => step >= state.horizon.data[t]!);
      if (!ended.includes(true)) return { state, ended };
      const signs = Object.values(state.params)[0]!.shape[0]! / tasks;
      const begun = await fresh(stream.split('start'), signs);
      overwriteRows(state.params, begun.params, ended);
      overwriteRows(state.memory, begun.memory, ended);
      const draws = stream.split('horizon');
      const drawn = ended.map((over, t) => (over ? drawHorizon(draws, horizon, length) : state.horizon.data[t]!));
      return {
        state: {
          ...state,
          step: filled(tasks, (t) => (ended[t] ? 0 : state.step.data[t]!)),
          horizon: filled(tasks, (t) => drawn[t]!),
        },
        ended,
      };
    },
    release: async () => void (await Promise.all(Object.values(compiled).map((f) => f.release()))),
  };
}

const advanced = (state: UnrollState, params: NdArrays, memory: NdArrays, by: number): UnrollState => ({
  params,
  memory,
  step: filled(state.step.data.length, (t) => state.step.data[t]! + by),
  horizon: state.horizon,
});

/** Traced. @param count steps */
function steps(
  task: Task,
  optimizer: LearnedOptimizer,
  meta: Tensors,
  networks: Networks,
  { step, horizon, batch }: Inputs,
  tasks: number,
  count: number,
): Steps {
  let { params, memory } = networks;
  const signs = (Object.values(params)[0]?.shape[0] ?? tasks) / tasks;
  const forSigns = (x: Tensor): Tensor => (signs === 1 ? x : tf.concat(Array<Tensor>(signs).fill(x), 0));
  const [raw, normalized]: [Tensor[], Tensor[]] = [[], []];
  for (let k = 0; k < count; k++) {
    const data = mapValues(batch, (x) => forSigns(tf.slice(x, [k * tasks], [tasks])));
    const loss = task.loss(params, data);
    // The sum over networks: the gradient of each is that of its own loss.
    const { grads } = valueAndGrads((p) => tf.sum(task.loss(p, data)), params);
    const context = { step: forSigns(tf.add(step, k)), horizon: forSigns(horizon), loss };
    const next = optimizer.update(meta, memory, params, grads, context);
    [params, memory] = [next.params, next.state];
    raw.push(loss);
    normalized.push(task.normalize(loss));
  }
  return { params, memory, losses: tf.stack(normalized), rawLosses: tf.stack(raw) };
}

/** Rows of losses, end to end. */
class Collected {
  readonly #length: number;
  readonly #parts: Float32Array[] = [];

  constructor(length: number) {
    this.#length = length;
  }

  add({ data }: NdArray): void {
    this.#parts.push(Float32Array.from(data));
  }

  all(): NdArray<'float32'> {
    const data = new Float32Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    this.#parts.reduce((at, part) => (data.set(part, at), at + part.length), 0);
    return { dtype: 'float32', shape: [this.#length, data.length / this.#length], data };
  }
}

const slice = (array: NdArray, from: number, to: number): NdArray => {
  const stride = sizeOf(array.shape.slice(1));
  const data = array.data.subarray(from * stride, to * stride);
  return { ...array, shape: [to - from, ...array.shape.slice(1)], data } as NdArray;
};

function checked(settings: Required<TruncationSettings>): Required<TruncationSettings> {
  const { tasks, length, horizon, stepsPerCall } = settings;
  for (const [name, value] of Object.entries({ tasks, length, stepsPerCall })) checkWhole('truncatedStep', name, value);
  if (length % stepsPerCall !== 0) {
    throw new LearnedOptimizerError('truncatedStep', `stepsPerCall must divide length ${length}, got ${stepsPerCall}`);
  }
  if (!(horizon.length === 2 && horizon[0] >= 1 && horizon[0] <= horizon[1] && horizon[1] < Infinity)) {
    throw new LearnedOptimizerError(
      'truncatedStep',
      `horizon must be two rising numbers ≥ 1, got [${horizon.join(', ')}]`,
    );
  }
  return settings;
}
