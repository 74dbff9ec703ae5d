/** @file Who is mixed with whom. */
import type { RandomStream } from '@weightspace/compute';

export interface Partners {
  /** By network of the batch: its partner; itself only where it is alone. */
  readonly partner: Int32Array;
  /** Pairs to match, both ways: the second to the first, and by the inverse the first to the second. */
  readonly pairs: readonly (readonly [number, number])[];
  /** By network: the number of the element that brings its partner to it, inverses being counted after all pairs. */
  readonly element: Int32Array;
}

/**
 * A random pairing: the partner's partner is the network itself, so that one matching serves both. Where the batch is odd,
 * the last one gets the partner of another pair.
 */
export function randomPartners(batch: number, stream: RandomStream): Partners {
  const order = stream.permutation(batch);
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0; i + 1 < batch; i += 2) pairs.push([order[i]!, order[i + 1]!]);
  if (batch % 2 === 1) pairs.push([order[batch - 1]!, order[0]!]);
  const [partner, element] = [new Int32Array(batch), new Int32Array(batch)];
  // Backwards, so that what the odd one's partner is mixed with stays what it is in its own pair.
  for (let i = pairs.length - 1; i >= 0; i--) {
    const [a, b] = pairs[i]!;
    [partner[a], element[a]] = [b, i];
    [partner[b], element[b]] = [a, pairs.length + i];
  }
  return { partner, pairs, element };
}

/** Each with a changed copy of itself. */
export function selfPartners(batch: number): Partners {
  const own = Int32Array.from({ length: batch }, (_, i) => i);
  return { partner: own, pairs: Array.from(own, (i) => [i, i] as const), element: own };
}
