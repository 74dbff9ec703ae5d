/** @file Tracking by MLflow, as an experiment needs it. */
import { startNoLogger } from './run-logger.ts';
import type { StartRunLogger } from './run-logger.ts';

export const startTracking: StartRunLogger = startNoLogger;
