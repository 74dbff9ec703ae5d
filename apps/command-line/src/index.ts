export { createProgram, runProgram } from './program.ts';
export { metanetEntries } from './tasks/list-metanets.ts';
export type { MetanetEntry } from './tasks/list-metanets.ts';
export { inspectFile } from './tasks/inspect-file.ts';
export type { Inspection } from './tasks/inspect-file.ts';
