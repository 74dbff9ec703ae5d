/** @file `nx run inr-embedding:train`. */
import { runExperiment } from '@weightspace/experiment';

import { inrEmbedding } from './experiment.ts';

process.exitCode = await runExperiment(inrEmbedding as never, process.argv.slice(2));
