/** @file What `weightspace verify` measures. */
import { verifyOnnx } from '@weightspace/checkpoint';
import { RandomStream } from '@weightspace/compute';
import { certifyFunction, permutationGroup, symmetryGroup } from '@weightspace/symmetry';

import { openNetwork } from './open-network.ts';
import type { NetworkOptions } from './open-network.ts';
import { order, table } from './table.ts';

export interface VerifyRequest extends NetworkOptions {
  readonly seed: number;
  readonly elements: number;
}

export interface VerificationResult {
  readonly file: string;
  readonly network: string;
  /** How it was computed. */
  readonly ranBy: string;
  readonly preserved: boolean;
  /** Largest |f(x) − f_g(x)| as a share of the largest |f(x)|. */
  readonly error: number;
  readonly tolerance: number;
  readonly elements: number;
  readonly log10Permutations: number;
  /** Whether there is anything to prove: the group has more than one element. */
  readonly nontrivial: boolean;
}

/** @throws {RecognitionError} when the network isn't known, or can't be run */
export async function verifyFile(file: string, request: VerifyRequest): Promise<VerificationResult> {
  const opened = await openNetwork(file, request);
  const { network, architecture, params } = opened;
  const { log10Order } = permutationGroup(network);
  const { seed, elements } = request;
  const common = { file, network: network.name, elements, log10Permutations: log10Order };
  if (architecture === undefined) {
    const { preserved, error, tolerance, nontrivial } = await verifyOnnx(file, { seed, elements });
    return { ...common, ranBy: 'ONNX Runtime', preserved, error, tolerance, nontrivial };
  }
  const group = symmetryGroup(architecture);
  const ranBy = 'our forward pass';
  const nontrivial = group.spaces.length > 0;
  if (!nontrivial) return { ...common, ranBy, preserved: true, error: 0, tolerance: 1e-5, nontrivial };
  const report = await certifyFunction({ group, params, stream: RandomStream.fromSeed(seed), elements });
  const error = Math.max(...report.tensors.map((tensor) => tensor.error));
  return { ...common, ranBy, preserved: report.passed, error, tolerance: report.tolerance, nontrivial };
}

export function verificationText(result: VerificationResult): string {
  const { file, network, ranBy, preserved, error, tolerance, elements, log10Permutations, nontrivial } = result;
  const verdict = !nontrivial
    ? 'nothing to prove: the group has one element'
    : preserved
      ? 'the function is preserved'
      : 'THE FUNCTION IS NOT PRESERVED';
  return table([
    ['file', file],
    ['network', network],
    ['permutations', order(log10Permutations)],
    ['run by', ranBy],
    [
      'error',
      `${error.toExponential(2)} of the largest output, over ${elements} random elements (allowed ${tolerance.toExponential(1)})`,
    ],
    ['result', verdict],
  ]);
}
