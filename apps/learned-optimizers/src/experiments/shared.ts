/** @file Settings that `evaluate` and `transfer` share. */
import type { Rules } from '@weightspace/experiment';

export const shared = {
  optimizers: [] as readonly string[],
  steps: 1000,
  every: 20,
  runs: 10,
  batches: 4,
  baseline: { kind: 'adam', runs: 5, longer: 4 },
};

export const rules: Rules = {
  steps: { integer: true, min: 1 },
  every: { integer: true, min: 1 },
  runs: { integer: true, min: 2 },
  batches: { integer: true, min: 1 },
  'baseline.kind': ['sgd', 'momentum', 'adam', 'adam-w', 'adafactor'],
  'baseline.runs': { integer: true, min: 1 },
  'baseline.longer': { integer: true, min: 1 },
};

export const descriptions = {
  optimizers: 'folders of runs of meta-train, or files of optimizers; the newest run when empty',
  steps: 'inner steps',
  every: 'inner steps between two evaluations',
  runs: 'networks of each optimizer, the same starts and data for all',
  batches: 'batches of each part of the data in an evaluation',
  'baseline.kind': 'optimizer whose rate is tuned: 15 rates from 1e-7 to 1',
  'baseline.runs': 'networks of each rate',
  'baseline.longer': 'times the steps that the envelope has, so that a speed-up of as much can be seen',
} as const;
