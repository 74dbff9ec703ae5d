/** Matches pairs in a worker thread; registers the TypeScript loader first where the code runs from its sources. */
import { workerData } from 'node:worker_threads';

const fromSource = import.meta.url.includes('/src/');
const loader = 'ts-blank-space/register';
if (fromSource && !process.execArgv.includes(loader)) await import(loader);
const { PairMatcher } = await import(fromSource ? './pair-matcher.ts' : './pair-matcher.js');

// Piscina gives its own port first, then the caller's data.
const { group, ...options } = Array.isArray(workerData) ? workerData[1] : workerData;
const matcher = new PairMatcher(group, options);

export default ({ reference, params }) => matcher.match(reference, params);
