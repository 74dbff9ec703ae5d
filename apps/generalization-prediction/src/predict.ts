/** @file `nx run generalization-prediction:predict`. */
import { runCommand } from '@weightspace/experiment';

import { predictCommand } from './prediction/predict-command.ts';

process.exitCode = await runCommand(predictCommand, process.argv.slice(2));
