/** @file `nx run inr-classification:compare`. */
import { runExperiment } from '@weightspace/experiment';

import { inrComparison } from './comparison/experiment.ts';

process.exitCode = await runExperiment(inrComparison as never, process.argv.slice(2));
