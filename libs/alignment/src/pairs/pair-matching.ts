/** @file Who matches pairs: the calling thread, or a worker beside a training step. */
import type { NdArrays } from '@weightspace/compute';
import type { SymmetryGroup } from '@weightspace/symmetry';
import { Piscina } from 'piscina';

import { PairMatcher } from './pair-matcher.ts';
import type { PairMatchOptions } from './pair-matcher.ts';

/** Matches pairs of networks, as `PairMatcher`. */
export interface PairMatching {
  readonly match: (reference: NdArrays, params: NdArrays) => Promise<NdArrays>;
  readonly close: () => Promise<void>;
}

/** What a worker makes its matcher of. */
export interface PairWork extends PairMatchOptions {
  readonly group: SymmetryGroup;
}

/** In the calling thread. */
export function inlinePairMatching(group: SymmetryGroup, options: PairMatchOptions = {}): PairMatching {
  const matcher = new PairMatcher(group, options);
  let last: Promise<unknown> = Promise.resolve();
  return {
    match: (reference, params) => {
      const own = last.then(() => matcher.match(reference, params));
      last = own.catch(() => undefined);
      return own;
    },
    close: () => matcher.release(),
  };
}

/**
 * In worker threads, which match one batch while the caller trains on another. ONNX Runtime computes a step in the calling
 * thread, so that nothing else runs there meanwhile.
 *
 * @param threads batches matched at a time; 1 unless said otherwise
 */
export function workerPairMatching(
  group: SymmetryGroup,
  { threads = 1, ...options }: PairMatchOptions & { readonly threads?: number } = {},
): PairMatching {
  const work: PairWork = { group, ...options };
  const pool = new Piscina({
    filename: new URL('./pair-worker.mjs', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    workerData: work,
  });
  return {
    match: (reference, params) => pool.run({ reference, params }) as Promise<NdArrays>,
    close: () => pool.destroy(),
  };
}
