/** @file `nx run inr-classification:inr2array`. */
import { runExperiment } from '@weightspace/experiment';

import { inr2ArrayExperiment } from './experiment.ts';

process.exitCode = await runExperiment(inr2ArrayExperiment as never, process.argv.slice(2));
