/** @file What an experiment's `run` is given. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';

import { RandomStream } from '@weightspace/compute';
import type { Device } from '@weightspace/compute';

import type { Environment } from '../environment/environment.ts';
import type { Config } from '../experiment.ts';
import { textIsVisible } from '../plot/fonts.ts';
import { plotToPng } from '../plot/plot.ts';
import type { Plot } from '../plot/plot.ts';
import type { JsonObject } from '../json.ts';
import { writeAtomically } from './atomic-write.ts';
import { CheckpointFolder } from './checkpoints.ts';
import type { CheckpointOwner } from './checkpoints.ts';
import type { MetricRecord } from './metric-log.ts';
import { startProgress } from './progress.ts';
import type { Progress, ProgressOptions } from './progress.ts';
import { breather, createStage, goBack, runPart } from './stage.ts';
import type { ContextParts, Stage, StageResult } from './stage.ts';

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
      if (!/^[\w-]+$/.test(name) || name === 'main') {
        throw new RangeError(`stage: name must be letters, digits, - or _, and not 'main', got '${name}'`);
      }
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

const NO_FONT =
  'plots as PNG have no text, since this machine has no font; install one (npm install dejavu-fonts-ttf, or the system package fonts-dejavu-core). As SVG they are whole';

function once(call: () => void): () => void {
  let done = false;
  return () => {
    if (!done) call();
    done = true;
  };
}

/** Artifacts that are really there or are about to be, in the order they were named. */
export const existingArtifacts = (folder: string, names: Iterable<string>, coming: readonly string[] = []): string[] =>
  [...names].filter(
    (name) => coming.includes(name) || statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true,
  );
