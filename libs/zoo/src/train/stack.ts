/** @file A stack of runs under way. */
import { ndarray, rows, takeRows, zeros } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { answersOf, RunBatches } from './batches.ts';
import type { Examples } from './batches.ts';
import type { TrainData } from './checks.ts';
import { dropoutStream } from './dropout.ts';
import { coefficientsOf, columns } from './optimizer-coefficients.ts';
import type { Column } from './optimizer-coefficients.ts';
import type { StackFunctions } from './stack-functions.ts';
import type { TrainRun } from './train-run.ts';

/** How networks do; `[N]` each; NaN where it isn't known. Accuracies are shares, losses means in nats (or squared errors). */
export interface Metrics {
  readonly trainLoss: NdArray<'float32'>;
  readonly trainAccuracy: NdArray<'float32'>;
  readonly validationLoss: NdArray<'float32'>;
  readonly validationAccuracy: NdArray<'float32'>;
  readonly testLoss: NdArray<'float32'>;
  readonly testAccuracy: NdArray<'float32'>;
}
export const metricNames: readonly (keyof Metrics)[] = [
  'trainLoss',
  'trainAccuracy',
  'validationLoss',
  'validationAccuracy',
  'testLoss',
  'testAccuracy',
];

export interface StackPlan {
  readonly functions: StackFunctions;
  readonly data: TrainData;
  readonly epochs: number;
  readonly batch: number;
  readonly checkpoints: readonly number[];
  readonly drops: boolean;
  readonly classifies: boolean;
  readonly classes: number;
}

/** A network as it was at some epoch. */
export interface Seen {
  readonly parameters: Float32Array;
  readonly metrics: { readonly [name in keyof Metrics]: number };
  readonly epoch: number;
  readonly steps: number;
}

interface State {
  readonly p: NdArray;
  readonly m: NdArray;
  readonly v: NdArray;
}

/** Examples that one evaluation takes. */
const PIECE = 250;
/** Clipping that clips nothing. */
const UNBOUNDED = 3e38;

export class Stack {
  readonly #plan: StackPlan;
  readonly #runs: readonly TrainRun[];
  readonly #batches: readonly RunBatches[];
  readonly #start: NdArray<'float32'>;
  readonly #input: { inputs: NdArray; answers: NdArray; settings: NdArray; stay: NdArray; rows: NdArrays };
  readonly #constants: { pools: NdArrays; decayed: NdArray; statistic: NdArray };
  readonly #diverged: boolean[];
  #state: State;
  #epoch = 0;
  #networkSteps = 0;
  #seen: (Seen | undefined)[];

  /** @param start initial parameters; `[N, F]` */
  constructor(plan: StackPlan, runs: readonly TrainRun[], start: NdArray<'float32'>) {
    const {
      functions,
      data: { train },
      batch,
      classes,
      drops,
    } = plan;
    const N = runs.length;
    this.#plan = plan;
    this.#runs = runs;
    this.#start = start;
    this.#batches = runs.map((run) => new RunBatches(run, train, batch, classes));
    this.#state = { p: start, m: zeros(start.shape), v: zeros(start.shape) };
    this.#diverged = runs.map(() => false);
    this.#seen = runs.map(() => undefined);
    const like = ({ dtype, shape, data: own }: NdArray, leading: readonly number[]): NdArray => {
      const make = own.constructor as new (length: number) => Float32Array;
      const data = new make((own.length / shape[0]!) * N * batch);
      return { dtype, shape: [...leading, ...shape.slice(1)], data } as NdArray;
    };
    this.#input = {
      inputs: like(train.inputs, [batch, N]),
      answers: like(answersOf(train), [N, batch]),
      settings: zeros([N, columns.length]),
      stay: ndarray(
        Float32Array.from(runs, ({ dropout }) => 1 - dropout),
        [N],
      ),
      rows: drops ? functions.dropout.rows(N, batch) : {},
    };
    const { decayed, statistic } = functions.layout;
    this.#constants = { pools: drops ? functions.dropout.pools : {}, decayed, statistic };
  }

  hasDiverged(network: number): boolean {
    return this.#diverged[network]!;
  }

  /** A network at the last checkpoint, or before where it has diverged. */
  seen(network: number): Seen {
    return this.#seen[network]!;
  }

  /** @param tell is told how many steps of single networks are done in this stack */
  async trainUntil(epoch: number, tell: (networkSteps: number) => void): Promise<void> {
    while (this.#epoch < epoch) {
      await this.#trainEpoch(this.#epoch + 1);
      this.#epoch++;
      this.#networkSteps += this.#batches.reduce((sum, { steps }) => sum + steps, 0);
      tell(this.#networkSteps);
    }
  }

  async #trainEpoch(epoch: number): Promise<void> {
    const drops = this.#runs.map(({ seed }) => dropoutStream(seed, epoch));
    this.#batches.forEach((batches) => batches.startEpoch(epoch));
    const longest = Math.max(...this.#batches.map(({ steps }, n) => (this.#diverged[n] ? 0 : steps)));
    for (let step = 0; step < longest; step++) {
      this.#batches.forEach((batches, n) => {
        const active = !this.#diverged[n] && step < batches.steps;
        this.#writeSettings(n, active, (epoch - 1) * batches.steps + step);
        if (!active) return;
        this.#writeBatch(n, step);
        if (this.#plan.drops) this.#plan.functions.dropout.draw(this.#input.rows, n, drops[n]!);
      });
      this.#state = (await this.#plan.functions.step(
        this.#state as never,
        this.#input as never,
        this.#constants as never,
      )) as unknown as State;
    }
  }

  #writeBatch(network: number, step: number): void {
    const { inputs, answers } = this.#input;
    this.#batches[network]!.write(step, inputs.data, answers.data, network, this.#runs.length);
  }

  /** @param step counted from 0 over all epochs */
  #writeSettings(network: number, active: boolean, step: number): void {
    const run = this.#runs[network]!;
    const total = this.#plan.epochs * this.#batches[network]!.steps;
    const rate = run.learningRate * (run.schedule === 'cosine' ? 0.5 * (1 + Math.cos((Math.PI * step) / total)) : 1);
    const { factor, ...coefficients } = coefficientsOf(run.optimizer, step + 1);
    const values: { readonly [name in Column]: number } = {
      ...coefficients,
      active: Number(active),
      rate: rate * factor,
      l2: 2 * run.l2,
      keep: 1 - rate * run.weightDecay,
      clipNorm: run.clipNorm === 0 ? UNBOUNDED : run.clipNorm,
    };
    columns.forEach((name, i) => (this.#input.settings.data[network * columns.length + i] = values[name]));
  }

  /**
   * Evaluates the networks as they are. One with weights or losses that aren't finite has diverged: it stays as it was at
   * the last checkpoint, or at its start.
   */
  async measure(): Promise<void> {
    const { width } = this.#plan.functions.layout;
    const metrics = await this.#evaluate(this.#state.p);
    const lost: number[] = [];
    this.#runs.forEach((_, n) => {
      if (this.#diverged[n]) return;
      const parameters = (this.#state.p.data as Float32Array).slice(n * width, (n + 1) * width);
      const losses = [metrics[n]!.trainLoss, metrics[n]!.validationLoss, metrics[n]!.testLoss];
      const known = this.#plan.data.validation ? losses : [losses[0]!, losses[2]!];
      if (parameters.every(Number.isFinite) && known.every(Number.isFinite)) {
        const steps = this.#epoch * this.#batches[n]!.steps;
        this.#seen[n] = { parameters, metrics: metrics[n]!, epoch: this.#epoch, steps };
      } else lost.push(n);
    });
    if (lost.some((n) => this.#seen[n] === undefined)) await this.#seeStarts(lost);
    for (const n of lost) this.#freeze(n);
  }

  async #seeStarts(lost: readonly number[]): Promise<void> {
    const { width } = this.#plan.functions.layout;
    const metrics = await this.#evaluate(this.#start);
    for (const n of lost) {
      const parameters = this.#start.data.slice(n * width, (n + 1) * width);
      this.#seen[n] ??= { parameters, metrics: metrics[n]!, epoch: 0, steps: 0 };
    }
  }

  /** Puts numbers in the place of what overflowed: they cost less time. */
  #freeze(network: number): void {
    this.#diverged[network] = true;
    const { width } = this.#plan.functions.layout;
    const own = ({ data }: NdArray) => (data as Float32Array).subarray(network * width, (network + 1) * width);
    const { p, m, v } = this.#state;
    own(p).set(this.#seen[network]!.parameters);
    own(m).fill(0);
    own(v).fill(0);
  }

  async #evaluate(parameters: NdArray): Promise<readonly Seen['metrics'][]> {
    const { train, validation, test } = this.#plan.data;
    const unknown = this.#runs.map(() => ({ loss: NaN, accuracy: NaN }));
    const ofTrain = await this.#score(parameters, this.#plan.data.trainProbe ?? train);
    const ofValidation = validation ? await this.#score(parameters, validation) : unknown;
    const ofTest = await this.#score(parameters, test);
    return this.#runs.map((_, n) => ({
      trainLoss: ofTrain[n]!.loss,
      trainAccuracy: ofTrain[n]!.accuracy,
      validationLoss: ofValidation[n]!.loss,
      validationAccuracy: ofValidation[n]!.accuracy,
      testLoss: ofTest[n]!.loss,
      testAccuracy: ofTest[n]!.accuracy,
    }));
  }

  /** Mean loss and share of right answers of each network. */
  async #score(p: NdArray, examples: Examples): Promise<readonly { loss: number; accuracy: number }[]> {
    const count = examples.inputs.shape[0]!;
    const size = Math.min(PIECE, count);
    const sums = this.#runs.map(() => ({ loss: 0, correct: 0 }));
    for (let from = 0; from < count; from += size) {
      const own = Math.min(size, count - from);
      const piece = (array: NdArray): NdArray =>
        own === size
          ? rows(array, from, from + size)
          : takeRows(
              array,
              Int32Array.from({ length: size }, (_, i) => Math.min(from + i, count - 1)),
            );
      const counts = ndarray(
        Float32Array.from({ length: size }, (_, i) => Number(i < own)),
        [size],
      );
      const found = await this.#plan.functions.score(
        p as never,
        piece(examples.inputs) as never,
        piece(answersOf(examples)) as never,
        counts as never,
      );
      sums.forEach((sum, n) => {
        sum.loss += found.loss.data[n]!;
        sum.correct += found.correct.data[n]!;
      });
    }
    return sums.map(({ loss, correct }) => ({
      loss: loss / count,
      accuracy: this.#plan.classifies ? correct / count : NaN,
    }));
  }
}
