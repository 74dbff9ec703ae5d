/** @file A run that is being tracked. */
import type { RunStatus } from './entry.ts';

/** Logging never waits for a network and never fails because of one. */
export interface TrackingRun {
  /** Id to go on with later. */
  readonly id: string;
  /** Where a person finds the run. */
  readonly location: string;
  logParams(params: { readonly [name: string]: string | number | boolean }): void;
  logMetrics(metrics: { readonly [name: string]: number }, step: number): void;
  setTags(tags: { readonly [name: string]: string }): void;
  /** @param folder under the run's artifacts; their top when absent */
  logArtifact(file: string, folder?: string): void;
  /** Ends the run and waits, within limits, until everything is where it belongs. */
  end(status: RunStatus): Promise<void>;
}

export interface StartOptions {
  readonly experiment: string;
  readonly runName: string;
  readonly tags?: { readonly [name: string]: string };
  /** Id of a run to go on with. */
  readonly resume?: string | undefined;
  /** `MLFLOW_TRACKING_URI` when absent: an address, a folder, or nothing for `mlruns`. */
  readonly uri?: string | undefined;
  /** Where journals of runs are kept until a server has them; `mlruns/.journal` when absent. */
  readonly journalFolder?: string;
  readonly warn?: (text: string) => void;
}
