/** @file What a run consists of, as lines of a journal and as parts of a batch. */
import { TrackingError } from './tracking-error.ts';

export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';

/** NaN and infinities are words, since JSON has none; MLflow reads them. */
export type MetricValue = number | 'NaN' | 'Infinity' | '-Infinity';

export interface StartEntry {
  readonly kind: 'start';
  readonly experiment: string;
  readonly runName: string;
  readonly startTime: number;
  readonly tags: { readonly [key: string]: string };
}
export interface MetricEntry {
  readonly kind: 'metric';
  readonly key: string;
  readonly value: MetricValue;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}
export interface ParamEntry {
  readonly kind: 'param';
  readonly key: string;
  readonly value: string;
}
export interface TagEntry {
  readonly kind: 'tag';
  readonly key: string;
  readonly value: string;
}
export interface ArtifactEntry {
  readonly kind: 'artifact';
  /** On this machine, absolute. */
  readonly file: string;
  /** Under the run's artifacts, with slashes. */
  readonly path: string;
}
export interface EndEntry {
  readonly kind: 'end';
  readonly status: RunStatus;
  readonly endTime: number;
}
export type Entry = StartEntry | MetricEntry | ParamEntry | TagEntry | ArtifactEntry | EndEntry;

export const metricValue = (value: number): MetricValue =>
  Number.isFinite(value) ? value : (String(value) as MetricValue);

/** MLflow's limits; of its validation module. */
export const LIMITS = {
  metrics: 1000,
  params: 100,
  tags: 100,
  entities: 1000,
  bytes: 1_000_000,
  key: 250,
  param: 6000,
  tag: 5000,
} as const;

const KEY = /^[/\w.\- ]+$/;

/**
 * @throws {TrackingError} on a name that MLflow refuses: characters other than letters, digits, `_ - . / ` and space, more
 *   than 250 of them, or one that isn't a plain relative path
 */
export function checkKey(what: string, key: string): string {
  const path = key.split('/');
  const plain =
    KEY.test(key) && key.length <= LIMITS.key && !path.includes('..') && !path.includes('.') && !path.includes('');
  if (plain) return key;
  throw new TrackingError(what, {
    expected: `a name of at most ${LIMITS.key} letters, digits, _ - . / and spaces, without empty parts`,
    found: JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key),
    remedy: 'rename it',
  });
}

/** A name that MLflow takes for a file: what it doesn't is replaced. */
export const safeKey = (key: string): string => key.replaceAll(/[^/\w.\- ]+/g, '_').slice(0, LIMITS.key);

/** Long values are cut, with a mark of how long they were. */
export function cut(value: string, limit: number): string {
  if (value.length <= limit) return value;
  const mark = ` … [${value.length} characters]`;
  return value.slice(0, limit - mark.length) + mark;
}
