/** @file `nx run generalization-prediction:data-efficiency`. */
import { runExperiment } from '@weightspace/experiment';

import { dataEfficiency } from './experiments/data-efficiency.ts';

process.exitCode = await runExperiment(dataEfficiency as never, process.argv.slice(2));
