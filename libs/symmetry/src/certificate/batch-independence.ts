import { RandomStream, takeRows } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import { baseline, evaluate, judge, perturb } from './compare.ts';
import type { ArrayMap, Trial } from './compare.ts';
import { assertPassed } from './equivariance.ts';
import { VacuousError } from './report.ts';
import type { CertificateReport } from './report.ts';

export interface BatchCase {
  /** For messages. */
  readonly name?: string;
  /** The map; the first axis of every input and output is the batch. */
  readonly f: ArrayMap;
  /** Two or more networks; shape `[B, …]`. */
  readonly input: NdArrays;
  /** Largest error allowed, as a share of the largest |f(x)| of each tensor; 1e-5 unless said otherwise. */
  readonly tolerance?: number;
  /** Output tensors that may be 0, or not depend on the input. */
  readonly allowConstant?: readonly string[];
  /** Whether `f` takes other batch sizes; true unless said otherwise. */
  readonly anySize?: boolean;
}

/**
 * Measures whether what a map gives for a network depends on who else is in the batch.
 *
 * Tries every network alone, the batch in the opposite order, and each network among others that are changed.
 * @returns errors relative to each tensor's largest value, whether or not they are allowed
 * @throws {VacuousError} when the check could not have failed: fewer than two networks, an output that is 0, not finite,
 *   or doesn't depend on the input
 * @throws when an input or output has no batch axis
 */
export async function certifyBatchIndependence(test: BatchCase): Promise<CertificateReport> {
  const { f, input, allowConstant = [], tolerance = 1e-5, anySize = true } = test;
  const settings = {
    kind: 'batch independence' as const,
    name: test.name ?? (f.name || 'f'),
    tolerance,
    allowConstant,
  };
  const batch = Object.values(input)[0]?.shape[0] ?? 0;
  if (batch < 2)
    throw new VacuousError(`${settings.kind} of ${settings.name}`, `there must be two or more networks, got ${batch}`);
  checkBatchAxis('input', input, batch);
  const start = await baseline(settings, f, input);
  const { base } = start;
  checkBatchAxis('output', base, batch);
  const everyone = Array.from({ length: batch }, (_, i) => i);
  const trials: Trial[] = [];
  const backwards = everyone.toReversed();
  trials.push({
    what: 'the batch backwards',
    actual: await evaluate(f, take(input, backwards)),
    expected: take(base, backwards),
  });
  const strangers = perturb(input, RandomStream.fromSeed(2));
  for (const n of everyone) {
    const mixed = await evaluate(f, replaceOthers(input, strangers, n));
    trials.push({ what: `network ${n} among changed ones`, actual: take(mixed, [n]), expected: take(base, [n]) });
    if (!anySize) continue;
    const alone = await evaluate(f, take(input, [n]));
    trials.push({ what: `network ${n} alone`, actual: alone, expected: take(base, [n]) });
  }
  return judge(settings, start, trials);
}

/**
 * @throws {CertificateError} naming the worst tensor, index and company
 * @throws {VacuousError} as `certifyBatchIndependence`
 */
export async function assertBatchIndependence(test: BatchCase): Promise<CertificateReport> {
  return assertPassed(await certifyBatchIndependence(test));
}

const take = (arrays: NdArrays, indices: readonly number[]): NdArrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, takeRows(array, indices)]));

/** Network n as it is, the others from `strangers`. */
function replaceOthers(input: NdArrays, strangers: NdArrays, n: number): NdArrays {
  const keep = (array: NdArray, name: string): NdArray => {
    const data = strangers[name]!.data.slice();
    const stride = data.length / array.shape[0]!;
    data.set(array.data.subarray(n * stride, (n + 1) * stride), n * stride);
    return { ...array, data } as NdArray;
  };
  return Object.fromEntries(Object.entries(input).map(([name, array]) => [name, keep(array, name)]));
}

function checkBatchAxis(what: string, arrays: NdArrays, batch: number): void {
  const wrong = Object.entries(arrays).find(([, { shape }]) => shape[0] !== batch);
  if (wrong === undefined) return;
  const shape = wrong[1].shape.join(', ');
  throw new Error(
    `certifyBatchIndependence: ${what} '${wrong[0]}' must have ${batch} networks on its first axis, got [${shape}]`,
  );
}
