import type { NdArrays } from '@weightspace/compute';

import { baseline, evaluate, judge, sameValues } from './compare.ts';
import type { ArrayMap } from './compare.ts';
import { CertificateError, VacuousError } from './report.ts';
import type { CertificateKind, CertificateReport } from './report.ts';

export interface InvarianceCase<G> {
  /** For messages. */
  readonly name?: string;
  /** The map; a compiled function serves. */
  readonly f: ArrayMap;
  readonly input: NdArrays;
  /** Elements of the group; `testElements` makes some. */
  readonly elements: readonly G[];
  /** g x: the action on inputs. */
  readonly actIn: (g: G, input: NdArrays) => NdArrays;
  /** Largest error allowed, as a share of the largest |f(x)| of each tensor; 1e-5 unless said otherwise. */
  readonly tolerance?: number;
  /** Output tensors that may be 0, or not depend on the input. */
  readonly allowConstant?: readonly string[];
}

export interface EquivarianceCase<G> extends InvarianceCase<G> {
  /** g y: the action on outputs. */
  readonly actOut: (g: G, output: NdArrays) => NdArrays;
}

/**
 * Measures f(g x) = g f(x) for every output tensor on its own.
 *
 * @returns errors relative to each tensor's largest value, whether or not they are allowed
 * @throws {VacuousError} when the check could not have failed: an element that leaves x as it is, no element that moves
 *   an output, an output that is 0, not finite, or doesn't depend on x
 */
export async function certifyEquivariance<G>(test: EquivarianceCase<G>): Promise<CertificateReport> {
  const { f, input, elements, actOut, allowConstant = [], tolerance = 1e-5 } = test;
  const settings = { kind: 'equivariance' as const, name: test.name ?? (f.name || 'f'), tolerance, allowConstant };
  needElements(settings, elements);
  const start = await baseline(settings, f, input);
  const trials = [];
  let moves = false;
  for (const [i, g] of elements.entries()) {
    const actual = await evaluate(f, moved(settings, test, g, i));
    const expected = actOut(g, start.base);
    moves ||= !sameValues(expected, start.base);
    trials.push({ what: `element ${i}`, actual, expected });
  }
  const report = judge(settings, start, trials);
  if (!moves) {
    const remedy = 'use certifyInvariance, or elements that do more';
    throw new VacuousError(`equivariance of ${settings.name}`, `no element moves any output; ${remedy}`);
  }
  return report;
}

/**
 * Measures f(g x) = f(x) for every output tensor on its own.
 *
 * @returns errors relative to each tensor's largest value, whether or not they are allowed
 * @throws {VacuousError} when the check could not have failed, as in `certifyEquivariance`
 */
export function certifyInvariance<G>(test: InvarianceCase<G>): Promise<CertificateReport> {
  return certifyUnchanged('invariance', test);
}

/** @see certifyInvariance, under the name of a kind */
export async function certifyUnchanged<G>(kind: CertificateKind, test: InvarianceCase<G>): Promise<CertificateReport> {
  const { f, input, elements, allowConstant = [], tolerance = 1e-5 } = test;
  const settings = { kind, name: test.name ?? (f.name || 'f'), tolerance, allowConstant };
  needElements(settings, elements);
  const start = await baseline(settings, f, input);
  const trials = [];
  for (const [i, g] of elements.entries()) {
    const actual = await evaluate(f, moved(settings, test, g, i));
    trials.push({ what: `element ${i}`, actual, expected: start.base });
  }
  return judge(settings, start, trials);
}

/**
 * @throws {CertificateError} naming the worst tensor, index and element
 * @throws {VacuousError} as `certifyEquivariance`
 */
export async function assertEquivariance<G>(test: EquivarianceCase<G>): Promise<CertificateReport> {
  return assertPassed(await certifyEquivariance(test));
}

/**
 * @throws {CertificateError} naming the worst tensor, index and element
 * @throws {VacuousError} as `certifyInvariance`
 */
export async function assertInvariance<G>(test: InvarianceCase<G>): Promise<CertificateReport> {
  return assertPassed(await certifyInvariance(test));
}

export function assertPassed(report: CertificateReport): CertificateReport {
  if (!report.passed) throw new CertificateError(report);
  return report;
}

function moved<G>(settings: { kind: string; name: string }, test: InvarianceCase<G>, g: G, i: number): NdArrays {
  const gx = test.actIn(g, test.input);
  if (!sameValues(test.input, gx)) return gx;
  throw new VacuousError(`${settings.kind} of ${settings.name}`, `element ${i} leaves the input as it is`);
}

function needElements(settings: { kind: string; name: string }, elements: readonly unknown[]): void {
  if (elements.length > 0) return;
  throw new VacuousError(`${settings.kind} of ${settings.name}`, 'there is no element to try');
}
