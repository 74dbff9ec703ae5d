/** @file `nx run learned-optimizers:export`. */
import { runCommand } from '@weightspace/experiment';

import { exportCommand } from './onnx/export-command.ts';

process.exitCode = await runCommand(exportCommand, process.argv.slice(2));
