/** @file `nx run inr-editing:train`. */
import { runExperiment } from '@weightspace/experiment';

import { inrEditing } from './experiment.ts';

process.exitCode = await runExperiment(inrEditing as never, process.argv.slice(2));
