/** @file `nx run inr-classification:train`. */
import { runExperiment } from '@weightspace/experiment';

import { inrClassification } from './experiment.ts';

process.exitCode = await runExperiment(inrClassification as never, process.argv.slice(2));
