/** @file What an experiment's `run` is given. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';

import { RandomStream } from '@weightspace/compute';
import type { Device, NdArrays } from '@weightspace/compute';

import type { Environment } from '../environment/environment.ts';
import type { Config } from '../experiment.ts';
import { textIsVisible } from '../plot/fonts.ts';
import { plotToPng } from '../plot/plot.ts';
import type { Plot } from '../plot/plot.ts';
import type { JsonObject } from '../json.ts';
import type { Stopwatch } from '../stopwatch.ts';
import { writeAtomically } from './atomic-write.ts';
import { CheckpointFolder } from './checkpoints.ts';
import type { CheckpointOwner, Restored, Snapshot } from './checkpoints.ts';
import type { MetricLog, MetricRecord } from './metric-log.ts';
import type { Output } from './output.ts';
import { startProgress } from './progress.ts';
import type { Progress, ProgressOptions } from './progress.ts';
import type { RunLogger } from './run-logger.ts';

/** The checkpoints of a run, or of one stage of it. */
export interface Checkpoints {
  /** The state to go on from; undefined when the run starts at its beginning. */
  load<S>(): Restored<S> | undefined;
  /** Saves now. Mostly `safePoint` is what you want. */
  save(snapshot: Snapshot): void;
}

export interface Stage {
  readonly checkpoint: Checkpoints;
  /**
   * Between two steps: saves a checkpoint when it is time for one, and ends the run here when it has been interrupted.
   *
   * @param snapshot called only when a checkpoint is due
   * @throws {InterruptedError} after Ctrl-C, with the checkpoint saved; let it pass
   */
  safePoint(snapshot: () => Snapshot | Promise<Snapshot>): Promise<void>;
}

export interface RunContext<C extends JsonObject = JsonObject> extends Stage {
  readonly config: Config<C>;
  readonly seed: number;
  /** Split it by name for each use: `context.stream.split('init')`. */
  readonly stream: RandomStream;
  readonly device: Device;
  readonly threads: number;
  /** The run's own folder. */
  readonly folder: string;
  /** Whether an earlier process had begun this run. */
  readonly resumed: boolean;
  /** Aborted by Ctrl-C; its reason is an InterruptedError. */
  readonly signal: AbortSignal;
  readonly environment: Environment;
  /** Metrics so far, also those from before the run was resumed. */
  readonly history: readonly MetricRecord[];
  /** Keeps metrics for plots and sends them to MLflow. */
  logMetrics(metrics: { readonly [name: string]: number }, step: number): void;
  progress(options: ProgressOptions): Progress;
  /** Prints a line (not when quiet) and adds it to the log. */
  say(text: string): void;
  warn(text: string): void;
  /** Path of a file in the run's folder, which becomes an artifact of the run; its folder is made. */
  artifact(name: string): string;
  /** Writes an artifact. */
  writeArtifact(name: string, content: string | Uint8Array): void;
  /** Writes a plot as `plots/<name>.svg` and `.png`, which the report shows. */
  savePlot(name: string, plot: Plot, caption?: string): Promise<void>;
  /**
   * A part of the run with a result of its own, such as one of several models: a resumed run has it done when it was.
   *
   * @returns what `work` returned, now or before the run was resumed
   */
  stage<S>(name: string, work: (stage: Stage) => Promise<StageResult<S>>): Promise<Required<StageResult<S>>>;
}

export interface StageResult<S> {
  readonly json: S;
  readonly arrays?: NdArrays;
}

export interface ContextParts {
  readonly config: JsonObject;
  readonly seed: number;
  readonly device: Device;
  readonly threads: number;
  readonly folder: string;
  readonly experiment: string;
  readonly resumed: boolean;
  readonly signal: AbortSignal;
  readonly environment: Environment;
  readonly log: MetricLog;
  readonly logger: RunLogger;
  /** Runs a call of the logger such that its failure is a warning. */
  readonly track: (call: () => void | Promise<void>) => void;
  readonly output: Output;
  readonly stopwatch: Stopwatch;
  /** Least time between two checkpoints; 0 saves at every safe point. */
  readonly checkpointSeconds: number;
  readonly artifacts: Set<string>;
  /** Captions of the saved plots by name. */
  readonly figures: Map<string, string>;
}

/** A checkpoint may take this share of the time at most. */
const CHECKPOINT_SHARE = 0.05;
/** Steps that never wait for anything would keep a signal from being seen for ever. */
const BREATH_MILLISECONDS = 50;

export function createContext(parts: ContextParts): RunContext {
  const { folder, log, logger, output, artifacts } = parts;
  const owner: CheckpointOwner = { experiment: parts.experiment, config: parts.config };
  const breathe = breather();
  const warnOfFonts = once(() => output.warn(NO_FONT));
  const finished = new Map<string, Required<StageResult<unknown>>>();
  const main = createStage(parts, owner, join(folder, 'checkpoints', 'main'), breathe);
  const artifact = (name: string) => {
    const file = join(folder, name);
    const inside = relative(folder, file);
    if (isAbsolute(name) || inside === '' || inside.split(sep)[0] === '..') {
      throw new RangeError(`artifact: name must be a path inside the run's folder, got '${name}'`);
    }
    mkdirSync(dirname(file), { recursive: true });
    artifacts.add(inside.split(sep).join('/'));
    return file;
  };
  return {
    config: parts.config as Config<JsonObject>,
    seed: parts.seed,
    stream: RandomStream.fromSeed(parts.seed),
    device: parts.device,
    threads: parts.threads,
    folder,
    resumed: parts.resumed,
    signal: parts.signal,
    environment: parts.environment,
    ...main,
    get history() {
      return log.records;
    },
    logMetrics(metrics, step) {
      log.add({ step, metrics });
      const fresh = Object.entries(metrics).filter(([name]) => !log.wasLogged(name, step));
      if (fresh.length > 0) parts.track(() => logger.logMetrics(Object.fromEntries(fresh), step));
    },
    progress: (options) => startProgress(output, options),
    say: (text) => output.say(text),
    warn: (text) => output.warn(text),
    artifact,
    writeArtifact: (name, content) => writeAtomically(artifact(name), content, 'the artifact'),
    async savePlot(name, plot, caption = '') {
      if (!/^[\w-]+$/.test(name)) throw new RangeError(`savePlot: name must be letters, digits, - or _, got '${name}'`);
      if (!(await textIsVisible())) warnOfFonts();
      writeAtomically(artifact(`plots/${name}.svg`), plot.svg, 'the plot');
      writeAtomically(artifact(`plots/${name}.png`), await plotToPng(plot), 'the plot');
      parts.figures.set(name, caption);
    },
    async stage(name, work) {
      if (!/^[\w-]+$/.test(name)) throw new RangeError(`stage: name must be letters, digits, - or _, got '${name}'`);
      const known = finished.get(name);
      if (known !== undefined) return known as never;
      const results = new CheckpointFolder(join(folder, 'stages', name), owner, (text) => output.warn(text));
      const done = results.load();
      if (done !== undefined) {
        goBack(parts, done.run);
        finished.set(name, done);
        return { json: done.json as never, arrays: done.arrays };
      }
      const checkpoints = join(folder, 'checkpoints', name);
      const { json, arrays = {} } = await work(createStage(parts, owner, checkpoints, breathe));
      results.save({ json, arrays }, runPart(parts));
      new CheckpointFolder(checkpoints, owner).clear();
      finished.set(name, { json, arrays });
      return { json, arrays };
    },
  };
}

function createStage(parts: ContextParts, owner: CheckpointOwner, folder: string, breathe: () => Promise<void>): Stage {
  const { output, signal } = parts;
  const store = new CheckpointFolder(folder, owner, (text) => output.warn(text));
  let [last, cost] = [performance.now(), 0];
  const save = (snapshot: Snapshot) => {
    const start = performance.now();
    store.save(snapshot, runPart(parts));
    last = performance.now();
    cost = last - start;
    output.log('info', 'checkpoint', { folder, seconds: cost / 1000 });
  };
  return {
    checkpoint: {
      load<S>() {
        const found = store.load();
        if (found === undefined) return undefined;
        goBack(parts, found.run);
        return found as Restored as Restored<S>;
      },
      save,
    },
    async safePoint(snapshot) {
      await breathe();
      const wait =
        parts.checkpointSeconds === 0 ? 0 : Math.max(parts.checkpointSeconds * 1000, cost / CHECKPOINT_SHARE);
      if (signal.aborted || performance.now() - last >= wait) save(await snapshot());
      signal.throwIfAborted();
    },
  };
}

/** What the run itself keeps in a checkpoint. */
const runPart = ({ log, stopwatch, artifacts, figures }: ContextParts): JsonObject => ({
  position: log.position(),
  seconds: stopwatch.seconds,
  artifacts: [...artifacts],
  figures: [...figures],
});

function goBack({ log, stopwatch, artifacts, figures }: ContextParts, run: JsonObject): void {
  log.rewind(run['position'] as number);
  stopwatch.resumeFrom(run['seconds'] as number);
  for (const name of run['artifacts'] as readonly string[]) artifacts.add(name);
  for (const [name, caption] of run['figures'] as readonly (readonly [string, string])[]) figures.set(name, caption);
}

const NO_FONT =
  'plots as PNG have no text, since this machine has no font; install one (npm install dejavu-fonts-ttf, or the system package fonts-dejavu-core). As SVG they are whole';

function once(call: () => void): () => void {
  let done = false;
  return () => {
    if (!done) call();
    done = true;
  };
}

/** Lets timers and signals have their turn now and then. */
function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < BREATH_MILLISECONDS) return;
    await new Promise((resolve) => setImmediate(resolve));
    last = performance.now();
  };
}

/** Artifacts that are really there or are about to be, in the order they were named. */
export const existingArtifacts = (folder: string, names: Iterable<string>, coming: readonly string[] = []): string[] =>
  [...names].filter(
    (name) => coming.includes(name) || statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true,
  );
