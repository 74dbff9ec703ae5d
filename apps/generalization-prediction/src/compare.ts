/** @file `nx run generalization-prediction:compare`. */
import { runExperiment } from '@weightspace/experiment';

import { generalizationComparison } from './experiments/compare.ts';

process.exitCode = await runExperiment(generalizationComparison as never, process.argv.slice(2));
