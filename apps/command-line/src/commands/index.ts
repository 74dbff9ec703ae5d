/** @file The commands that there are; a new one is a file and a line here. What they compute is loaded when they run. */
import type { Command } from 'commander';

import { convert } from './convert.ts';
import { diff } from './diff.ts';
import { graph } from './graph.ts';
import { importZoo } from './import-zoo.ts';
import { inspect } from './inspect.ts';
import { metanets } from './metanets.ts';
import { permute } from './permute.ts';
import { verify } from './verify.ts';

export const commands: readonly (() => Command)[] = [
  inspect,
  graph,
  verify,
  permute,
  convert,
  diff,
  metanets,
  importZoo,
];
