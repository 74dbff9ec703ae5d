export { checkKey, LIMITS, safeKey } from './entry.ts';
export type { RunStatus } from './entry.ts';
export { FileStore } from './file-store.ts';
export { MlflowClient, MlflowError } from './mlflow-client.ts';
export { JOURNAL_FOLDER, pushJournals, startRun } from './start-run.ts';
export { TrackingError } from './tracking-error.ts';
export type { StartOptions, TrackingRun } from './tracking-run.ts';
