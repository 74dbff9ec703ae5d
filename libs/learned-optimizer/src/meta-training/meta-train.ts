/** @file The loop that trains meta-parameters. */
import type { Architecture } from '@weightspace/architecture';
import {
  adam,
  clipByGlobalNorm,
  clipByValue,
  compile,
  cosine,
  mapValues,
  ndarray,
  RandomStream,
  scalar,
  warmUp,
  withoutPrefix,
  withPrefix,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Schedule, Tensor, Tensors } from '@weightspace/compute';
import type { Snapshot, Stage } from '@weightspace/experiment';

import { createEstimator } from '../estimators/estimator.ts';
import type { Estimate, EstimatorState, GradientEstimator } from '../estimators/estimator.ts';
import { checkPositive, checkWhole, LearnedOptimizerError } from '../kinds.ts';
import type { Settings } from '../kinds.ts';
import type { LearnedOptimizer } from '../optimizers/learned-optimizer.ts';
import type { Task } from '../tasks/task.ts';
import { truncatedStep } from '../unroll/truncated-step.ts';
import type { TruncatedStep, TruncationSettings } from '../unroll/truncated-step.ts';

/** How meta-parameters follow their gradients: by Adam. */
export interface OuterSettings {
  readonly steps: number;
  /** Peak of the learning rate: it rises linearly, then falls as a cosine to 0. */
  readonly rate: number;
  /** Steps in which the rate rises. */
  readonly warmUp: number;
  /** Every element of the gradient is cut at this; 0: not at all. */
  readonly clipValue: number;
  /** The gradient is shortened to this length; 0: not at all. */
  readonly clipNorm: number;
}

/** As published. */
export const outerDefaults: OuterSettings = { steps: 10_000, rate: 3e-4, warmUp: 100, clipValue: 3, clipNorm: 0 };

/** What an outer step came to, means over its tasks. */
export interface MetaPoint {
  /** From 1. */
  readonly step: number;
  /** Mean normalized loss. */
  readonly loss: number;
  /** Length of the gradient before it was cut. */
  readonly gradientNorm: number;
  /** Of the estimates, between tasks of a stack. */
  readonly deviation: number;
  readonly diverged: number;
  /** Tasks that counted as 0. */
  readonly lost: number;
  /** Summed over networks. */
  readonly innerSteps: number;
}

export interface MetaTraining {
  /** Each has a stack of `truncation.tasks` networks (or pairs) of its own, and graphs of its own. */
  readonly tasks: readonly Task[];
  /** How many of the tasks an outer step takes, drawn anew each time; all when absent. */
  readonly tasksPerStep?: number;
  /** Its meta-parameters must be of the same shapes for all tasks. */
  readonly optimizer: (architecture: Architecture) => LearnedOptimizer;
  readonly truncation: TruncationSettings;
  readonly estimator: string;
  readonly estimatorSettings?: Settings;
  readonly outer: OuterSettings;
  readonly stream: RandomStream;
  /** Where meta-training begins; drawn when absent. */
  readonly meta?: NdArrays;
  /** Where checkpoints are kept: the run's context in an experiment. */
  readonly stage: Stage;
  readonly onStep?: (point: MetaPoint) => void;
}

export interface MetaResult {
  readonly meta: NdArrays;
  /** One point for each outer step, those before a resume included. */
  readonly curve: readonly MetaPoint[];
}

/** What a checkpoint has beside arrays. */
interface Position {
  readonly curve: readonly MetaPoint[];
}

interface OuterState {
  readonly meta: NdArrays;
  readonly adam: NdArrays;
  /** By number of the task; absent before its first estimate. */
  readonly unrolls: readonly (EstimatorState | undefined)[];
}

/**
 * Trains meta-parameters; a training that is resumed ends with the bits of one that wasn't disturbed.
 *
 * All that is random in an outer step comes from `stream.split('outer').split(step)`, so that a checkpoint needs meta-parameters,
 * moments, networks and accumulators, and the number of the step. A task whose losses or gradients aren't finite is reported
 * and counts as 0: it never ends the training.
 *
 * @throws {LearnedOptimizerError} on settings that aren't possible, or tasks whose meta-parameters differ
 */
export async function metaTrain(training: MetaTraining): Promise<MetaResult> {
  check(training);
  const stacks = training.tasks.map((task) => stackOf(task, training));
  const outer = outerStep(training.outer);
  try {
    return await train(training, stacks, outer);
  } finally {
    await Promise.all([outer.release(), ...stacks.map(({ step }) => step.release())]);
  }
}

interface Stack {
  readonly step: TruncatedStep;
  readonly estimator: GradientEstimator;
}

function stackOf(task: Task, { optimizer, truncation, estimator, estimatorSettings }: MetaTraining): Stack {
  const step = truncatedStep(task, optimizer(task.architecture), truncation);
  return { step, estimator: createEstimator(estimator, step, estimatorSettings) };
}

async function train(
  training: MetaTraining,
  stacks: readonly Stack[],
  outer: ReturnType<typeof outerStep>,
): Promise<MetaResult> {
  const { stream, stage, onStep } = training;
  const restored = stage.checkpoint.load<Position>();
  const curve = [...(restored?.json.curve ?? [])];
  let state = restored ? unpack(restored.arrays, stacks.length) : start(training, stacks);
  checkShapes(state.meta, stacks);
  while (curve.length < training.outer.steps) {
    const own = stream.split('outer').split(curve.length);
    const chosen = choose(stacks.length, training.tasksPerStep ?? stacks.length, own.split('choice'));
    const unrolls = [...state.unrolls];
    const estimates: Estimate[] = [];
    // One after the other: all share the cores.
    for (const i of chosen) {
      const { estimator } = stacks[i]!;
      const before = unrolls[i] ?? (await estimator.start(stream.split('unroll').split(i)));
      const { state: after, ...estimate } = await estimator.estimate(state.meta, before, own.split('task').split(i));
      unrolls[i] = after;
      estimates.push(estimate);
    }
    const made = await outer.update(meanOf(estimates), state, curve.length);
    state = { meta: made.meta, adam: made.adam, unrolls };
    const point = pointOf(curve.length + 1, estimates, made.norm);
    curve.push(point);
    onStep?.(point);
    const now = state;
    // Packed and copied only when a checkpoint is due, which is before the next step changes either.
    await stage.safePoint((): Snapshot<Position> => ({ arrays: pack(now), json: { curve: [...curve] } }));
  }
  return { meta: state.meta, curve };
}

function start({ meta, stream }: MetaTraining, stacks: readonly Stack[]): OuterState {
  const first = meta ?? stacks[0]!.step.optimizer.initialize(stream.split('meta'));
  return { meta: first, adam: adam().init(first), unrolls: stacks.map(() => undefined) };
}

/** Without repetition, in rising order. */
const choose = (count: number, wanted: number, stream: RandomStream): readonly number[] =>
  [...stream.permutation(count).subarray(0, wanted)].sort((a, b) => a - b);

/** Adam on gradients that are cut. */
function outerStep(settings: OuterSettings) {
  const optimizer = adam();
  const { steps, rate, clipValue, clipNorm } = settings;
  const rateAt: Schedule = warmUp(settings.warmUp, cosine(rate, Math.max(1, steps - settings.warmUp)));
  const update = (grads: Tensors, state: Tensors, params: Tensors, now: Tensor) => {
    const cut = clipValue > 0 ? clipByValue(grads, clipValue) : grads;
    const { grads: short } = clipNorm > 0 ? clipByGlobalNorm(cut, clipNorm) : { grads: cut };
    return optimizer.update(short, state, params, now);
  };
  const compiled = compile(update, { threads: 1, name: 'outer step' });
  return {
    update: async (gradient: NdArrays, { meta, adam: moments }: OuterState, step: number) => {
      const now = scalar(rateAt(step));
      const made = await compiled(gradient as never, moments as never, meta as never, now as never);
      const next = made as unknown as { readonly params: NdArrays; readonly state: NdArrays };
      return { meta: next.params, adam: next.state, norm: lengthOf(gradient) };
    },
    release: () => compiled.release(),
  };
}

function lengthOf(arrays: NdArrays): number {
  let square = 0;
  for (const { data } of Object.values(arrays)) for (const value of data) square += value * value;
  return Math.sqrt(square);
}

const meanOf = (estimates: readonly Estimate[]): NdArrays =>
  mapValues(estimates[0]!.gradient, ({ data, shape }, name): NdArray =>
    ndarray(
      Float32Array.from(
        data,
        (_, i) => estimates.reduce((sum, e) => sum + e.gradient[name]!.data[i]!, 0) / estimates.length,
      ),
      shape,
    ),
  );

function pointOf(step: number, estimates: readonly Estimate[], gradientNorm: number): MetaPoint {
  const sum = (of: (estimate: Estimate) => number) => estimates.reduce((all, estimate) => all + of(estimate), 0);
  const mean = (of: (estimate: Estimate) => number) => sum(of) / estimates.length;
  return {
    step,
    loss: mean(({ loss }) => loss),
    gradientNorm,
    deviation: mean(({ deviation }) => deviation),
    diverged: mean(({ diverged }) => diverged),
    lost: sum(({ lost }) => lost),
    innerSteps: sum(({ innerSteps }) => innerSteps),
  };
}

const pack = ({ meta, adam: moments, unrolls }: OuterState): NdArrays => ({
  ...withPrefix('meta/', meta),
  ...withPrefix('adam/', moments),
  ...Object.assign({}, ...unrolls.map((unroll, i) => (unroll ? withPrefix(`unroll${i}/`, unroll) : {}))),
});

function unpack(arrays: NdArrays, tasks: number): OuterState {
  const unrolls = Array.from({ length: tasks }, (_, i) => {
    const unroll = withoutPrefix(`unroll${i}/`, arrays);
    // Full ES has nothing that goes on, and begins as it would have.
    return Object.keys(unroll).length === 0 ? undefined : unroll;
  });
  return { meta: withoutPrefix('meta/', arrays), adam: withoutPrefix('adam/', arrays), unrolls };
}

function check({ tasks, tasksPerStep = tasks.length, outer }: MetaTraining): void {
  if (tasks.length === 0) throw new LearnedOptimizerError('metaTrain', 'tasks must be one or more, got none');
  checkWhole('metaTrain', 'tasksPerStep', tasksPerStep);
  if (tasksPerStep > tasks.length) {
    throw new LearnedOptimizerError(
      'metaTrain',
      `tasksPerStep must be at most the ${tasks.length} tasks, got ${tasksPerStep}`,
    );
  }
  checkWhole('metaTrain', 'outer.steps', outer.steps);
  checkWhole('metaTrain', 'outer.warmUp', outer.warmUp, 0);
  checkPositive('metaTrain', 'outer.rate', outer.rate);
  for (const [name, value] of Object.entries({ clipValue: outer.clipValue, clipNorm: outer.clipNorm })) {
    if (value >= 0 && value < Infinity) continue;
    throw new LearnedOptimizerError('metaTrain', `outer.${name} must be a finite number ≥ 0, got ${value}`);
  }
}

function checkShapes(meta: NdArrays, stacks: readonly Stack[]): void {
  const shapes = (arrays: NdArrays) =>
    Object.entries(arrays)
      .map(([name, { shape }]) => `${name} [${shape.join(', ')}]`)
      .sort()
      .join(', ');
  const wanted = shapes(meta);
  for (const { step } of stacks) {
    const found = shapes(step.optimizer.initialize(RandomStream.fromSeed(0)));
    if (found === wanted) continue;
    const where = `of '${step.optimizer.kind}' on ${step.task.name}`;
    throw new LearnedOptimizerError('metaTrain', `meta-parameters ${where} must be ${wanted}, got ${found}`);
  }
}
