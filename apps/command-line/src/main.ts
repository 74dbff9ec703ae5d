/** @file `npx weightspace`: looks at metanets and at networks' weights. */
import { stopWithReader } from '@weightspace/experiment/closed-pipe';

import { createProgram, runProgram } from './program.ts';

stopWithReader();
process.exitCode = await runProgram(createProgram(), process.argv);
