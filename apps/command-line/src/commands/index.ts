/** @file The commands that there are; a new one is a file and a line here. */
import type { Command } from 'commander';

import { metanets } from './metanets.ts';

export const commands: readonly (() => Command)[] = [metanets];
