/** @file The loop that every training by epochs is: orders of rows, rates, progress, checkpoints. */
import { cosine, warmUp } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';

import type { Json } from '../json.ts';
import type { Snapshot } from '../run/checkpoints.ts';
import type { Progress } from '../run/progress.ts';
import type { Stage } from '../run/stage.ts';

export interface LoopSettings {
  readonly epochs: number;
  /** Rows per step; what is left of an epoch's rows is left out. */
  readonly batch: number;
  /** Peak of the learning rate: it rises linearly in the first part of the steps, then falls as a cosine to 1 % of it. */
  readonly rate: number;
  /** Share of all steps in which the rate rises. */
  readonly warmUp: number;
}

/** Parameters, moments, …: arrays by group and name. */
export type LoopState = { readonly [group: string]: NdArrays };
export type LoopMetrics = { readonly [name: string]: number };

/** What a step sees. */
export interface StepInput {
  readonly rows: Int32Array;
  readonly stream: RandomStream;
}

export interface TrainLoop {
  readonly stage: Stage;
  readonly settings: LoopSettings;
  /** Of the examples to train on. */
  readonly rows: Int32Array;
  readonly stream: RandomStream;
  /** Where a training begins that isn't resumed. */
  readonly start: () => LoopState;
  /**
   * One update.
   *
   * @param stream of this step alone: equal seeds and steps draw equal numbers, also after a resume
   * @param next what the next step will see, the same objects, so that it can be prepared meanwhile; undefined for the last
   * @returns the next state, which may be the one before the last overwritten; and numbers of the step, `loss` among them
   */
  readonly step: (
    state: LoopState,
    rows: Int32Array,
    stream: RandomStream,
    rate: number,
    next?: StepInput,
  ) => Promise<{ readonly state: LoopState; readonly metrics: LoopMetrics }>;
  /** What is measured after an epoch; called after every one, so that it may choose. */
  readonly evaluate?: (state: LoopState, epoch: number) => Promise<LoopMetrics>;
  /**
   * What the state becomes after that, such as one that keeps the best parameters so far in a group of its own.
   *
   * @param state may be overwritten by later steps: copy what shall be kept
   * @param point of the curve
   */
  readonly choose?: (state: LoopState, point: LoopMetrics & { readonly epoch: number }) => LoopState;
  readonly log: (metrics: LoopMetrics, step: number) => void;
  readonly progress: (total: number, done: number) => Progress;
}

export interface LoopResult {
  readonly state: LoopState;
  /** One point per epoch, from 1: means of the steps' numbers as `train/…`, and what was measured. */
  readonly curve: readonly (LoopMetrics & { readonly epoch: number })[];
  /** Median of the last ones. */
  readonly stepSeconds: number;
}

interface Position {
  readonly step: number;
  readonly sums: LoopMetrics;
  readonly curve: readonly (LoopMetrics & { readonly epoch: number })[];
  readonly seconds: readonly number[];
}

/** How many step times are kept for their median. */
const KEPT_TIMES = 200;

/**
 * Trains by epochs; a resumed training ends with the bits of an undisturbed one.
 *
 * @throws {RangeError} when there are fewer rows than a batch has
 * @throws {Error} when the loss isn't finite, naming the step
 */
export async function trainLoop(loop: TrainLoop): Promise<LoopResult> {
  const { stage, settings, rows } = loop;
  const perEpoch = Math.floor(rows.length / settings.batch);
  if (perEpoch === 0)
    throw new RangeError(`trainLoop: batch must be at most the ${rows.length} rows, got ${settings.batch}`);
  const total = perEpoch * settings.epochs;
  const rise = Math.round(settings.warmUp * total);
  const rateAt = warmUp(rise, cosine(settings.rate, Math.max(1, total - rise), settings.rate * 0.01));
  const restored = stage.checkpoint.load<Position>();
  let state = restored ? unpack(restored.arrays) : loop.start();
  let at: Position = restored?.json ?? { step: 0, sums: {}, curve: [], seconds: [] };
  const progress = loop.progress(total, at.step);
  const inputs = new StepInputs(loop, perEpoch);
  while (at.step < total) {
    const { rows: own, stream: drawing } = inputs.at(at.step);
    const next = at.step + 1 < total ? inputs.at(at.step + 1) : undefined;
    const started = performance.now();
    const done = await loop.step(state, own, drawing, rateAt(at.step), next);
    state = done.state;
    at = advance(at, done.metrics, (performance.now() - started) / 1e3);
    loop.log({ 'train/step-loss': done.metrics['loss']! }, at.step);
    if (at.step % perEpoch === 0) {
      at = await endEpoch(loop, at, perEpoch, state);
      state = loop.choose?.(state, at.curve.at(-1)!) ?? state;
    }
    progress.update(at.step, `loss ${latestLoss(at, perEpoch).toPrecision(3)}`);
    const [now, there] = [state, at];
    await stage.safePoint(() => ({ arrays: pack(now), json: there as unknown as Json }) as Snapshot);
  }
  progress.stop();
  const times = at.seconds.toSorted((a, b) => a - b);
  return { state: copy(state), curve: at.curve, stepSeconds: times[times.length >> 1] ?? NaN };
}

/** The rows and the stream of each step, made once for each. */
class StepInputs {
  readonly #loop: Pick<TrainLoop, 'rows' | 'stream' | 'settings'>;
  readonly #perEpoch: number;
  readonly #known = new Map<number, StepInput>();
  #order: { readonly epoch: number; readonly rows: Int32Array } | undefined;

  constructor(loop: Pick<TrainLoop, 'rows' | 'stream' | 'settings'>, perEpoch: number) {
    [this.#loop, this.#perEpoch] = [loop, perEpoch];
  }

  /** @param step the one before the last, or a later one */
  at(step: number): StepInput {
    this.#known.delete(step - 2);
    const known = this.#known.get(step);
    if (known) return known;
    const { rows, stream, settings } = this.#loop;
    const epoch = Math.floor(step / this.#perEpoch);
    if (this.#order?.epoch !== epoch) this.#order = { epoch, rows: orderOf(stream, epoch, rows.length) };
    const first = (step % this.#perEpoch) * settings.batch;
    const own = this.#order.rows.subarray(first, first + settings.batch).map((i) => rows[i]!);
    const made = { rows: own, stream: stream.split('step').split(step) };
    this.#known.set(step, made);
    return made;
  }
}

/** Each epoch sees the rows in an order of its own. */
const orderOf = (stream: RandomStream, epoch: number, count: number): Int32Array =>
  stream.split('order').split(epoch).permutation(count);

function advance(at: Position, metrics: LoopMetrics, seconds: number): Position {
  const { loss } = metrics;
  if (!Number.isFinite(loss))
    throw new Error(`trainLoop: the loss became ${loss} at step ${at.step}; lower the rate, or clip more`);
  const sums = Object.fromEntries(Object.entries(metrics).map(([name, v]) => [name, (at.sums[name] ?? 0) + v]));
  return { ...at, step: at.step + 1, sums, seconds: [...at.seconds, seconds].slice(-KEPT_TIMES) };
}

async function endEpoch(loop: TrainLoop, at: Position, perEpoch: number, state: LoopState): Promise<Position> {
  const epoch = at.step / perEpoch;
  const means = Object.fromEntries(Object.entries(at.sums).map(([name, v]) => [`train/${name}`, v / perEpoch]));
  const point = { ...means, ...(await loop.evaluate?.(state, epoch)), epoch };
  loop.log(point, at.step);
  return { ...at, sums: {}, curve: [...at.curve, point] };
}

const latestLoss = (at: Position, perEpoch: number): number =>
  at.step % perEpoch === 0 ? at.curve.at(-1)!['train/loss']! : at.sums['loss']! / (at.step % perEpoch);

const SEPARATOR = '/';

const pack = (state: LoopState): NdArrays =>
  Object.fromEntries(
    Object.entries(state).flatMap(([group, arrays]) =>
      Object.entries(arrays).map(([name, array]) => [`${group}${SEPARATOR}${name}`, array] as const),
    ),
  );

function unpack(arrays: NdArrays): LoopState {
  const state: Record<string, Record<string, NdArray>> = {};
  for (const [key, array] of Object.entries(arrays)) {
    const cut = key.indexOf(SEPARATOR);
    (state[key.slice(0, cut)] ??= {})[key.slice(cut + 1)] = array;
  }
  return state;
}

const copy = (state: LoopState): LoopState =>
  unpack(
    Object.fromEntries(
      Object.entries(pack(state)).map(([key, array]) => [key, { ...array, data: array.data.slice() } as NdArray]),
    ),
  );
