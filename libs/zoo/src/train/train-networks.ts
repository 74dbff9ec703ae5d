/** @file Training many networks of one architecture at once, each by settings of its own. */
import { initialize } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { unpack } from '../fit/fit-sirens.ts';
import { stepsPerEpoch } from './batches.ts';
import { checkData, checkSizes } from './checks.ts';
import type { TrainData } from './checks.ts';
import { layoutOf } from './flat-layout.ts';
import type { FlatLayout } from './flat-layout.ts';
import { stackFunctions } from './stack-functions.ts';
import { metricNames, Stack } from './stack.ts';
import type { Metrics, StackPlan } from './stack.ts';
import { checkRun } from './train-run.ts';
import type { TrainRun } from './train-run.ts';

export type Alone = 'exact' | 'fast';

export interface TrainOptions {
  readonly architecture: Architecture;
  readonly runs: readonly TrainRun[];
  readonly data: TrainData;
  readonly epochs: number;
  /** Examples in a step. */
  readonly batch: number;
  /** Epochs after which networks are kept, in rising order; 0: their starts. The last epoch when absent. */
  readonly checkpoints?: readonly number[];
  /** Networks that are trained at once; 8 when absent. */
  readonly stack?: number;
  /** Threads of ONNX Runtime; 1 when absent. */
  readonly threads?: number;
  /**
   * How a stack of a single run is trained. `exact`: beside a copy of itself, in the operations that it has in company, for
   * twice the time. `fast`: by itself, by convolutions that round otherwise, which a long training at a high rate amplifies
   * to other weights. `exact` when absent.
   */
  readonly alone?: Alone;
  readonly onProgress?: (progress: TrainProgress) => void;
}

export interface TrainProgress {
  /** Steps of single networks that are done, and that there are to be. */
  readonly networkSteps: number;
  readonly totalNetworkSteps: number;
}

/** Networks after some epoch; arrays in the order of the runs. */
export interface TrainedCheckpoint extends Metrics {
  /** The epoch that was asked for. */
  readonly epoch: number;
  /** By the architecture's names; `[N, …shape]`. Finite. */
  readonly parameters: NdArrays;
  /** Epochs after which the networks are seen here: earlier for runs that diverged; `[N]`. */
  readonly epochs: NdArray<'float32'>;
  /** The same in steps; `[N]`. */
  readonly steps: NdArray<'int32'>;
  /** 1 for runs that have diverged by then, which are shown as they were at the last checkpoint at which weights and losses were finite, or at their start; `[N]`. */
  readonly diverged: NdArray<'int32'>;
}

const STACK = 8;

/**
 * Trains one network by each run's settings, in stacks that one graph trains at once.
 *
 * A run's weights depend on its own settings alone, not on who else is there: every operation works on each network by
 * itself. They are the same to the bit where its company drops out and clips as it does (else the graph is another, and
 * rounds otherwise), but for runs that are alone and `fast`. One that diverges disturbs no other.
 *
 * @returns the networks after each checkpoint's epoch
 * @throws {RangeError} on settings, sizes or data that don't fit; names the run or the part of the data
 * @throws {ShapeError} on inputs that don't fit the architecture
 */
export async function trainNetworks(options: TrainOptions): Promise<readonly TrainedCheckpoint[]> {
  const { architecture, runs, data, epochs, batch, threads = 1, alone = 'exact' } = options;
  const checkpoints = options.checkpoints ?? [epochs];
  runs.forEach(checkRun);
  checkSizes({ epochs, batch, checkpoints, stack: options.stack ?? STACK });
  const { classifies, classes } = checkData(architecture, data, runs, batch);
  const clips = runs.some(({ clipNorm }) => clipNorm > 0);
  const drops = runs.some(({ dropout }) => dropout > 0);
  const results = checkpoints.map((epoch) => new Collected(epoch, layoutOf(architecture), runs.length));
  if (runs.length === 0) return results.map((result) => result.finish());
  const functions = stackFunctions(architecture, { classifies, clips, threads });
  const plan: StackPlan = { functions, data, epochs, batch, checkpoints, drops, classifies, classes };
  const steps = runs.map((run) => stepsPerEpoch(run, data.train.inputs.shape[0]!, batch));
  const totalNetworkSteps = epochs * steps.reduce((sum, n) => sum + n, 0);
  let done = 0;
  const tell = (networkSteps: number) => options.onProgress?.({ networkSteps: done + networkSteps, totalNetworkSteps });
  try {
    for (const members of stacksOf(steps, options.stack ?? STACK)) {
      const copies = members.length === 1 && alone === 'exact' ? 2 : 1;
      const own = members.flatMap((at) => Array<TrainRun>(copies).fill(runs[at]!));
      const stack = new Stack(plan, own, startsOf(architecture, own, plan.functions.layout));
      for (const [i, result] of results.entries()) {
        await stack.trainUntil(checkpoints[i]!, (networkSteps) => tell(networkSteps / copies));
        await stack.measure();
        result.take(stack, members);
      }
      done += epochs * members.reduce((sum, at) => sum + steps[at]!, 0);
      tell(0);
    }
  } finally {
    await functions.release();
  }
  return results.map((result) => result.finish());
}

/**
 * Numbers of the runs of each stack: runs of equally many steps go together, since a stack takes as long as its longest.
 * Stacks are of one size as far as possible: each size needs a graph of its own.
 */
function stacksOf(steps: readonly number[], most: number): readonly (readonly number[])[] {
  const order = [...steps.keys()].sort((a, b) => steps[a]! - steps[b]! || a - b);
  const count = Math.ceil(order.length / most);
  const size = Math.ceil(order.length / count);
  return Array.from({ length: count }, (_, i) => order.slice(i * size, (i + 1) * size)).filter(
    ({ length }) => length > 0,
  );
}

/** Starts of the runs in rows; `[runs, F]`. Each depends on its run alone. */
function startsOf(architecture: Architecture, runs: readonly TrainRun[], layout: FlatLayout): NdArray<'float32'> {
  const data = new Float32Array(runs.length * layout.width);
  runs.forEach(({ seed, initialization, initScale }, n) => {
    const stream = RandomStream.fromSeed(seed).split('initialization');
    const start = initialize(architecture, stream, { init: initialization });
    let at = n * layout.width;
    for (const { name, kind } of architecture.parameters) {
      const values = start[name]!.data;
      for (const value of values) data[at++] = kind === 'weight' ? value * initScale : value;
    }
  });
  return ndarray(data, [runs.length, layout.width]);
}

/** One checkpoint, filled stack by stack. */
class Collected {
  readonly #epoch: number;
  readonly #layout: FlatLayout;
  readonly #flat: Float32Array;
  readonly #metrics: Record<keyof Metrics, NdArray<'float32'>>;
  readonly #epochs: Float32Array;
  readonly #steps: Int32Array;
  readonly #diverged: Int32Array;

  constructor(epoch: number, layout: FlatLayout, count: number) {
    this.#epoch = epoch;
    this.#layout = layout;
    this.#flat = new Float32Array(count * layout.width);
    const column = () => ndarray(new Float32Array(count), [count]);
    this.#metrics = Object.fromEntries(metricNames.map((name) => [name, column()])) as Record<
      keyof Metrics,
      NdArray<'float32'>
    >;
    [this.#epochs, this.#steps, this.#diverged] = [
      new Float32Array(count),
      new Int32Array(count),
      new Int32Array(count),
    ];
  }

  take(stack: Stack, members: readonly number[]): void {
    members.forEach((run, n) => {
      const seen = stack.seen(n);
      this.#flat.set(seen.parameters, run * this.#layout.width);
      for (const name of metricNames) this.#metrics[name].data[run] = seen.metrics[name];
      this.#epochs[run] = seen.epoch;
      this.#steps[run] = seen.steps;
      this.#diverged[run] = Number(stack.hasDiverged(n));
    });
  }

  finish(): TrainedCheckpoint {
    const { names, shapes, width } = this.#layout;
    const count = this.#epochs.length;
    return {
      epoch: this.#epoch,
      parameters: unpack(ndarray(this.#flat, [count, width]), names, shapes),
      ...this.#metrics,
      epochs: ndarray(this.#epochs, [count]),
      steps: ndarray(this.#steps, [count]),
      diverged: ndarray(this.#diverged, [count]),
    };
  }
}
