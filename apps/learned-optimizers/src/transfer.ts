/** @file `nx run learned-optimizers:transfer -- FOLDER…`. */
import { runExperiment } from '@weightspace/experiment';

import { withFolders } from './evaluation/optimizers.ts';
import { transfer } from './experiments/transfer.ts';

process.exitCode = await runExperiment(transfer as never, withFolders(process.argv.slice(2)));
