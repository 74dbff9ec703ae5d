/** @file Whole trainings of a task's networks by an optimizer, with what is measured on the way. */
import { compile, ndarray, tf, valueAndGrads, withoutPrefix, withPrefix } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';
import type { Snapshot, Stage } from '@weightspace/experiment';

import { checkWhole, LearnedOptimizerError } from '../kinds.ts';
import type { LearnedOptimizer } from '../optimizers/learned-optimizer.ts';
import type { Task } from '../tasks/task.ts';
import { filled, repeated } from '../unroll/unroll-state.ts';
import { evaluator } from './evaluate-networks.ts';
import type { InnerCurves } from './inner-curves.ts';
import { repeatedTensors } from './repeated-tensors.ts';

export interface InnerTraining {
  readonly task: Task;
  readonly optimizer: LearnedOptimizer;
  /** With the axis M: each copy trains networks of its own from the same starts on the same data. */
  readonly meta: NdArrays;
  /** R: starts and data, of which each copy has all. */
  readonly runs: number;
  readonly steps: number;
  /** Steps between two evaluations; there is one before the first step and one after the last in any case. */
  readonly every: number;
  /** Batches of each part of the data that an evaluation takes, the same at all of them. */
  readonly batches: number;
  /** Starts, batches and evaluations come from it alone, so that all optimizers have the same. */
  readonly stream: RandomStream;
  /** Where checkpoints are kept; nowhere when absent. */
  readonly stage?: Stage;
  readonly threads?: number;
  readonly onStep?: (step: number, meanLoss: number) => void;
}

interface Position {
  readonly step: number;
}

/** What grows step by step; networks behind one another in blocks of R, one block for each copy. */
interface Progress {
  readonly params: NdArrays;
  readonly memory: NdArrays;
  readonly record: CurveRecord;
}

/**
 * Trains M · R networks at once, R by each copy of the meta-parameters.
 *
 * Gradients and the optimizer's update are graphs of their own, so that each has its time. Networks that diverge stay: their
 * losses count as the task normalizes them. A training that is resumed ends with the same bits, times excepted.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible
 */
export async function trainInner(training: InnerTraining): Promise<InnerCurves> {
  const { task, steps, every, stage, onStep } = training;
  check(training);
  const functions = compiledFor(training);
  const evaluate = evaluator(task, training);
  try {
    const restored = stage?.checkpoint.load<Position>();
    let now = restored ? unpack(restored.arrays) : await begin(training, functions);
    for (let step = restored?.json.step ?? 0; ; step++) {
      if (step % every === 0 || step === steps) now.record.evaluated(step, await evaluate.run(now.params));
      if (step === steps) return now.record.curves(steps);
      now = await makeStep(training, functions, now, step);
      onStep?.(step + 1, now.record.meanLoss(step));
      const [kept, next] = [now, step + 1];
      await stage?.safePoint((): Snapshot => ({ arrays: pack(kept), json: { step: next } satisfies Position }));
    }
  } finally {
    await Promise.all([evaluate.release(), ...Object.values(functions).map((f) => f.release())]);
  }
}

const copiesIn = (meta: NdArrays): number => Object.values(meta)[0]?.shape[0] ?? 1;

function compiledFor({ task, optimizer, meta, threads = 1 }: InnerTraining) {
  const copies = copiesIn(meta);
  const name = `${optimizer.kind} on ${task.name}`;
  const gradients = (params: Tensors, batch: Tensors) => {
    const data = repeatedTensors(batch, copies);
    const raw = task.loss(params, data);
    const { grads } = valueAndGrads((p) => tf.sum(task.loss(p, data)), params);
    return { grads, raw, loss: task.normalize(raw) };
  };
  const update = (
    own: Tensors,
    memory: Tensors,
    params: Tensors,
    grads: Tensors,
    context: { readonly step: Tensor; readonly horizon: Tensor; readonly loss: Tensor },
  ) => optimizer.update(own, memory, params, grads, context);
  return {
    start: compile((params: Tensors) => optimizer.start(params), { threads, name: `start of ${name}` }),
    gradients: compile(gradients, { threads, name: `gradients of ${name}`, recycle: true }),
    update: compile(update, { threads, name: `update of ${name}`, recycle: true }),
  };
}
type Functions = ReturnType<typeof compiledFor>;

async function begin({ task, meta, runs, steps, stream }: InnerTraining, { start }: Functions): Promise<Progress> {
  const copies = copiesIn(meta);
  const params = repeated(task.initialize(stream.split('start'), runs), copies);
  const memory = (await start(params as never)) as unknown as NdArrays;
  return { params, memory, record: new CurveRecord(steps, copies * runs) };
}

async function makeStep(
  { task, meta, runs, steps, stream }: InnerTraining,
  functions: Functions,
  { params, memory, record }: Progress,
  step: number,
): Promise<Progress> {
  const times = [performance.now()];
  const batch = task.batch(stream.split('data').split(step), 'train', runs);
  times.push(performance.now());
  const made = (await functions.gradients(params as never, batch as never)) as unknown as {
    readonly grads: NdArrays;
    readonly raw: NdArray;
    readonly loss: NdArray;
  };
  times.push(performance.now());
  const count = made.raw.data.length;
  const context = { step: filled(count, () => step), horizon: filled(count, () => steps), loss: made.raw };
  const { grads } = made;
  const next = (await functions.update(
    ...([meta, memory, params, grads, context] as unknown as Parameters<Functions['update']>),
  )) as unknown as { readonly params: NdArrays; readonly state: NdArrays };
  times.push(performance.now());
  record.stepped(step, made.loss, made.raw, times);
  return { params: next.params, memory: next.state, record };
}

/** Curves under way. */
class CurveRecord {
  readonly #losses: NdArray<'float32'>;
  /** Seconds of data, gradients and update of each step. */
  readonly #seconds: NdArray<'float32'>;
  readonly #finite: NdArray<'float32'>;
  readonly #at: number[] = [];
  readonly #evaluations: NdArrays[] = [];

  constructor(steps: number, networks: number, arrays?: NdArrays) {
    const own = (name: string, shape: readonly [number, number], value: number) =>
      (arrays?.[name] as NdArray<'float32'> | undefined) ??
      ndarray(new Float32Array(shape[0] * shape[1]).fill(value), shape);
    this.#losses = own('losses', [steps, networks], 0);
    this.#seconds = own('seconds', [steps, 3], 0);
    this.#finite = own('finite', [1, networks], 1);
    const at = arrays?.['at'];
    if (at === undefined) return;
    this.#at.push(...at.data);
    for (const i of this.#at.keys()) this.#evaluations.push(withoutPrefix(`evaluation${i}/`, arrays!));
  }

  stepped(step: number, loss: NdArray, raw: NdArray, times: readonly number[]): void {
    this.#losses.data.set(loss.data as Float32Array, step * loss.data.length);
    raw.data.forEach((value, n) => {
      if (!Number.isFinite(value)) this.#finite.data[n] = 0;
    });
    this.#seconds.data.set(
      times.slice(1).map((time, i) => (time - times[i]!) / 1e3),
      step * 3,
    );
  }

  evaluated(step: number, values: NdArrays): void {
    this.#at.push(step);
    this.#evaluations.push(values);
  }

  meanLoss(step: number): number {
    const { data, shape } = this.#losses;
    const [, N] = shape as [number, number];
    return data.subarray(step * N, (step + 1) * N).reduce((sum, value) => sum + value, 0) / N;
  }

  arrays(): NdArrays {
    return {
      losses: this.#losses,
      seconds: this.#seconds,
      finite: this.#finite,
      at: ndarray(Float32Array.from(this.#at), [this.#at.length]),
      ...Object.assign({}, ...this.#evaluations.map((values, i) => withPrefix(`evaluation${i}/`, values))),
    };
  }

  curves(steps: number): InnerCurves {
    const [, N] = this.#losses.shape as [number, number];
    const names = Object.keys(this.#evaluations[0]!);
    const stack = (name: string): NdArray<'float32'> => {
      const all = new Float32Array(this.#at.length * N);
      this.#evaluations.forEach((values, i) => all.set(values[name]!.data as Float32Array, i * N));
      return ndarray(all, [this.#at.length, N]);
    };
    const evaluations = Object.fromEntries(names.map((name) => [name, stack(name)]));
    const [first, last] = [this.#evaluations[0]!, this.#evaluations.at(-1)!].map(
      (values) => values['train/loss']!.data,
    );
    const diverged = Array.from({ length: N }, (_, n) => this.#finite.data[n] === 0 || last![n]! > first![n]!);
    const [data, gradients, update] = [0, 1, 2].map((part) => this.#median(part));
    return {
      steps,
      losses: this.#losses,
      at: this.#at,
      evaluations,
      diverged,
      seconds: { data: data!, gradients: gradients!, update: update! },
    };
  }

  #median(part: number): number {
    const times = Array.from({ length: this.#seconds.shape[0]! }, (_, step) => this.#seconds.data[3 * step + part]!);
    return times.sort((a, b) => a - b)[times.length >> 1]!;
  }
}

const pack = ({ params, memory, record }: Progress): NdArrays => ({
  ...withPrefix('params/', params),
  ...withPrefix('memory/', memory),
  ...withPrefix('record/', record.arrays()),
});

function unpack(arrays: NdArrays): Progress {
  const record = withoutPrefix('record/', arrays);
  const [steps, networks] = record['losses']!.shape as [number, number];
  return {
    params: withoutPrefix('params/', arrays),
    memory: withoutPrefix('memory/', arrays),
    record: new CurveRecord(steps, networks, record),
  };
}

function check({ optimizer, meta, runs, steps, every, batches }: InnerTraining): void {
  for (const [name, value] of Object.entries({ runs, steps, every, batches })) checkWhole('trainInner', name, value);
  const copies = copiesIn(meta);
  for (const [name, { shape }] of Object.entries(meta)) {
    if (shape[0] === copies) continue;
    throw new LearnedOptimizerError(
      'trainInner',
      `meta-parameters of ${optimizer.kind} must have the axis M first, got '${name}' [${shape.join(', ')}] beside M = ${copies}`,
    );
  }
}
