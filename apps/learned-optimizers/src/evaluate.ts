/** @file `nx run learned-optimizers:evaluate -- FOLDER…`. */
import { runExperiment } from '@weightspace/experiment';

import { withFolders } from './evaluation/optimizers.ts';
import { evaluation } from './experiments/evaluate.ts';

process.exitCode = await runExperiment(evaluation as never, withFolders(process.argv.slice(2)));
