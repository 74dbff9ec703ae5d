/** @file What an experiment needs of tracking, so that tests and runs without MLflow can give their own. */
import type { JsonObject } from '../json.ts';

export type RunEnd = 'FINISHED' | 'FAILED' | 'KILLED';

export interface RunLogger {
  /** Id of the run, to go on with it later. */
  readonly id: string;
  /** Where a person finds it: a folder or an address. */
  readonly location: string;
  logParams(params: { readonly [name: string]: string | number | boolean }): void | Promise<void>;
  logMetrics(metrics: { readonly [name: string]: number }, step: number): void | Promise<void>;
  setTags(tags: { readonly [name: string]: string }): void | Promise<void>;
  logArtifact(file: string, folder?: string): void | Promise<void>;
  end(status: RunEnd): Promise<void>;
}

export interface RunLoggerOptions {
  readonly experiment: string;
  readonly runName: string;
  /** Goes on with this run where there is one. */
  readonly resume: string | undefined;
  readonly config: JsonObject;
}

export type StartRunLogger = (options: RunLoggerOptions) => Promise<RunLogger>;

/** Tracks nothing. */
export const startNoLogger: StartRunLogger = () =>
  Promise.resolve({
    id: '',
    location: 'nowhere',
    logParams: () => undefined,
    logMetrics: () => undefined,
    setTags: () => undefined,
    logArtifact: () => undefined,
    end: () => Promise.resolve(),
  });
