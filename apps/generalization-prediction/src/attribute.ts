/** @file `nx run generalization-prediction:attribute`. */
import { runCommand } from '@weightspace/experiment';

import { attributeCommand } from './attribution/attribute-command.ts';

process.exitCode = await runCommand(attributeCommand, process.argv.slice(2));
