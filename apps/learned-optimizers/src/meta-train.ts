/** @file `nx run learned-optimizers:meta-train`. */
import { runExperiment } from '@weightspace/experiment';

import { metaTraining } from './experiments/meta-train.ts';

process.exitCode = await runExperiment(metaTraining as never, process.argv.slice(2));
