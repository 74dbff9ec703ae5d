/** @file `nx run generalization-prediction:train`. */
import { runExperiment } from '@weightspace/experiment';

import { generalizationPrediction } from './experiments/train.ts';

process.exitCode = await runExperiment(generalizationPrediction as never, process.argv.slice(2));
