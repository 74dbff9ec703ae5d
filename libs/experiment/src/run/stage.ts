/** @file A run, or a part of it, with checkpoints of its own. */
import type { Device, NdArrays } from '@weightspace/compute';

import type { Environment } from '../environment/environment.ts';
import type { JsonObject } from '../json.ts';
import type { Stopwatch } from '../stopwatch.ts';
import { CheckpointFolder } from './checkpoints.ts';
import type { CheckpointOwner, Restored, Snapshot } from './checkpoints.ts';
import type { MetricLog } from './metric-log.ts';
import type { Output } from './output.ts';
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

export function createStage(
  parts: ContextParts,
  owner: CheckpointOwner,
  folder: string,
  breathe: () => Promise<void>,
): Stage {
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
export const runPart = ({ log, stopwatch, artifacts, figures }: ContextParts): JsonObject => ({
  position: log.position(),
  seconds: stopwatch.seconds,
  artifacts: [...artifacts],
  figures: [...figures],
});

export function goBack({ log, stopwatch, artifacts, figures }: ContextParts, run: JsonObject): void {
  log.rewind(run['position'] as number);
  stopwatch.resumeFrom(run['seconds'] as number);
  for (const name of run['artifacts'] as readonly string[]) artifacts.add(name);
  for (const [name, caption] of run['figures'] as readonly (readonly [string, string])[]) figures.set(name, caption);
}

/** Lets timers and signals have their turn now and then. */
export function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < BREATH_MILLISECONDS) return;
    await new Promise((resolve) => setImmediate(resolve));
    last = performance.now();
  };
}
