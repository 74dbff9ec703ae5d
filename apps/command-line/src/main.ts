/** @file `npx weightspace`: looks at metanets and at networks' weights. */
import { createProgram, runProgram } from './program.ts';

process.exitCode = await runProgram(createProgram(), process.argv);
