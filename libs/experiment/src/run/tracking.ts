/** @file Tracking by MLflow, as an experiment needs it. */
import { safeKey, startRun } from '@weightspace/tracking';

import type { RunLogger, StartRunLogger } from './run-logger.ts';

/** Names that MLflow refuses get what it takes in place of the rest: a comma in a model's name must not end a run. */
const renamed = <T>(record: { readonly [name: string]: T }): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [safeKey(name), value]));

/** A run in the store or on the server that `MLFLOW_TRACKING_URI` names. */
export const startTracking: StartRunLogger = ({ experiment, runName, resume }): Promise<RunLogger> => {
  const run = startRun({ experiment, runName, resume, warn: (text) => process.stderr.write(`warning: ${text}\n`) });
  return Promise.resolve({
    id: run.id,
    location: run.location,
    logParams: (params) => run.logParams(renamed(params)),
    logMetrics: (metrics, step) => run.logMetrics(renamed(metrics), step),
    setTags: (tags) => run.setTags(renamed(tags)),
    logArtifact: (file, folder) => run.logArtifact(file, folder),
    end: (status) => run.end(status),
  });
};
