/** @file How far a run is: a bar on a terminal, plain lines elsewhere, nothing when quiet. */
import { createRequire } from 'node:module';

import { formatSeconds } from '../stopwatch.ts';
import type { Output } from './output.ts';

/** The part of cli-progress (which has no types of its own) that is used here. */
interface Bar {
  start(total: number, value: number, payload: object): void;
  update(value: number, payload: object): void;
  stop(): void;
}
interface CliProgress {
  readonly SingleBar: new (options: object) => Bar;
}

export interface Progress {
  /**
   * @param done how many are done in all
   * @param metric what to show beside, e.g. `loss 0.213`; the one before when absent
   * @param begun with the share of what is under way; rate and remaining time go by it where much is done at once
   */
  update(done: number, metric?: string, begun?: number): void;
  stop(): void;
}

export interface ProgressOptions {
  /** What is being done, e.g. `train nfn-np`. */
  readonly label: string;
  readonly total: number;
  /** What is counted, in the plural. */
  readonly unit?: string;
  /** How many were done before, in a resumed run. */
  readonly done?: number;
}

/** Seconds after which plain lines follow each other: soon at first, seldom later. */
const nextLineAfter = (elapsed: number): number => Math.min(60, Math.max(5, elapsed * 0.2));

/** Rates are averaged over this many seconds, so that they follow a change but don't jitter. */
const RATE_WINDOW = 20;
/** Seconds without an update, and how many times the usual wait, from which on the process must have been paused. */
const PAUSE = 30;
const PAUSE_WAITS = 20;

export class RateMeter {
  /** Seconds in pauses, which don't count. */
  #paused = 0;
  #points: { readonly time: number; readonly done: number }[];

  constructor(done: number, time: number) {
    this.#points = [{ time, done }];
  }

  add(done: number, clock: number): void {
    const [first, last] = [this.#points[0]!, this.#points.at(-1)!];
    const usual = (last.time - first.time) / Math.max(1, this.#points.length - 1);
    const gap = clock - this.#paused - last.time;
    if (this.#points.length > 2 && gap > Math.max(PAUSE, PAUSE_WAITS * usual)) this.#paused += gap - usual;
    const time = clock - this.#paused;
    this.#points.push({ time, done });
    const from = this.#points.findLastIndex((point) => point.time < time - RATE_WINDOW);
    if (from > 0) this.#points = this.#points.slice(from);
    if (this.#points.length > 500)
      this.#points = this.#points.filter((_, at) => at % 2 === 0 || at === this.#points.length - 1);
  }

  /** Per second; 0 while nothing is known. */
  get rate(): number {
    const [first, last] = [this.#points[0]!, this.#points.at(-1)!];
    return last.time > first.time ? (last.done - first.done) / (last.time - first.time) : 0;
  }
}

export function formatRate(rate: number, unit: string): string {
  if (rate <= 0) return `— ${unit}/s`;
  if (rate < 0.5) return `${formatSeconds(1 / rate)} per ${unit.replace(/s$/, '')}`;
  return `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en')} ${unit}/s`;
}

export function startProgress(output: Output, { label, total, unit = 'steps', done = 0 }: ProgressOptions): Progress {
  if (output.quiet) return { update: () => undefined, stop: () => undefined };
  const now = () => performance.now() / 1000;
  const meter = new RateMeter(done, now());
  let [current, known, shown] = [done, done, ''];
  const payload = () => {
    const remaining = meter.rate > 0 ? formatSeconds(Math.max(0, total - known) / meter.rate) : '—';
    return { rate: formatRate(meter.rate, unit), remaining, metric: shown === '' ? '' : ` · ${shown}` };
  };
  const view =
    output.streams.stderr.isTTY === true ? barView(output, label, total, unit) : lineView(output, label, total, unit);
  view.start(current, payload());
  return {
    update(value, metric, begun = value) {
      current = value;
      known = Math.max(known, begun);
      shown = metric ?? shown;
      meter.add(known, now());
      view.update(current, payload());
    },
    stop: () => view.stop(current, payload()),
  };
}

interface Payload {
  readonly rate: string;
  readonly remaining: string;
  readonly metric: string;
}
interface View {
  start(done: number, payload: Payload): void;
  update(done: number, payload: Payload): void;
  stop(done: number, payload: Payload): void;
}

function barView(output: Output, label: string, total: number, unit: string): View {
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as CliProgress;
  const format = `${label} {bar} {percentage} % · {value}/{total} ${unit} · {rate} · {remaining} left{metric}`;
  const stream = output.streams.stderr;
  const options = {
    format,
    stream,
    barsize: 24,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    hideCursor: true,
    fps: 8,
  };
  let bar: Bar | undefined;
  let last: [number, Payload];
  const showCursor = () => stream.write('\u001b[?25h');
  const stop = () => {
    bar?.stop();
    process.off('exit', showCursor);
    bar = undefined;
    output.beforeLine = () => undefined;
  };
  const start = (done: number, payload: Payload) => {
    last = [done, payload];
    bar = new SingleBar(options);
    bar.start(total, done, payload);
    process.once('exit', showCursor); // When a second Ctrl-C ends the process at once.
    // A line that is printed meanwhile ends the bar where it is; the next update starts it again below.
    output.beforeLine = stop;
  };
  return {
    start,
    update(done, payload) {
      if (bar === undefined) start(done, payload);
      last = [done, payload];
      bar!.update(done, payload);
    },
    stop() {
      bar?.update(...last);
      stop();
    },
  };
}

function lineView(output: Output, label: string, total: number, unit: string): View {
  const begin = performance.now() / 1000;
  let next = begin + nextLineAfter(0);
  let printed = -1;
  const print = (done: number, { rate, remaining, metric }: Payload, ended: boolean) => {
    if (done === printed) return;
    printed = done;
    const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
    const time = ended ? `after ${formatSeconds(performance.now() / 1000 - begin)}` : `${remaining} left`;
    output.say(`${label}: ${done}/${total} ${unit} (${percent} %) · ${rate} · ${time}${metric}`);
  };
  return {
    start: () => undefined,
    update(done, payload) {
      const now = performance.now() / 1000;
      if (now < next) return;
      next = now + nextLineAfter(now - begin);
      print(done, payload, false);
    },
    stop: (done, payload) => print(done, payload, true),
  };
}
