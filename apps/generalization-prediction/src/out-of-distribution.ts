/** @file `nx run generalization-prediction:out-of-distribution`. */
import { runExperiment } from '@weightspace/experiment';

import { outOfDistribution } from './experiments/out-of-distribution.ts';

process.exitCode = await runExperiment(outOfDistribution as never, process.argv.slice(2));
