export { createProgram, runProgram } from './program.ts';
export { metanetEntries } from './commands/metanets.ts';
export type { MetanetEntry } from './commands/metanets.ts';
