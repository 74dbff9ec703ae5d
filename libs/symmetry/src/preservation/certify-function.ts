import type { Architecture, LabelledNetwork } from '@weightspace/architecture';
import { forward } from '@weightspace/architecture';
import { compile } from '@weightspace/compute';
import type { Device, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { act } from '../act.ts';
import type { ArrayMap } from '../certificate/compare.ts';
import { assertPassed, certifyUnchanged } from '../certificate/equivariance.ts';
import type { CertificateReport } from '../certificate/report.ts';
import { randomElement } from '../element.ts';
import type { RandomElementOptions } from '../element.ts';
import type { SymmetryGroup } from '../group.ts';
import { randomInputs } from './inputs.ts';

export interface FunctionCase<N extends LabelledNetwork = LabelledNetwork> {
  readonly group: SymmetryGroup<N>;
  /** Of one network, `[…shape]`. */
  readonly params: NdArrays;
  /** Draws elements. */
  readonly stream: RandomStream;
  /** How many random elements are tried; 3 unless said otherwise. */
  readonly elements?: number;
  readonly draw?: RandomElementOptions;
  /** Largest error allowed, as a share of the largest value of each output; 1e-5 unless said otherwise. */
  readonly tolerance?: number;
  /** Outputs that may be 0, or not depend on the parameters. */
  readonly allowConstant?: readonly string[];
  /** For messages; the network's name unless said otherwise. */
  readonly name?: string;
}

export interface ArchitectureCase extends FunctionCase<Architecture> {
  /** Random inputs; 16 unless said otherwise. */
  readonly points?: number;
  readonly device?: Device;
}

export interface RunCase extends FunctionCase {
  /** What the network computes from parameters at fixed inputs, e.g. an ONNX model in ONNX Runtime. */
  readonly run: ArrayMap;
}

/**
 * Measures whether random elements of the group leave the function of a network as it is, at random inputs.
 *
 * With `run`, for networks that are no architecture of ours: it gets all parameters of the labelled network by name.
 *
 * @returns errors relative to each output's largest value, whether or not they are allowed
 * @throws {VacuousError} when the check could not have failed: no element, one that leaves the parameters as they are, an
 *   output that is 0, not finite, or doesn't depend on the parameters
 */
export async function certifyFunction(test: ArchitectureCase | RunCase): Promise<CertificateReport> {
  if ('run' in test) return certifyRun(test, test.run);
  const { group, points = 16, device = 'eager', stream } = test;
  const x = randomInputs(group.architecture, stream.split('points'), points);
  const f = compile((p: Tensors, inputs: Tensors): Tensor => forward(group.architecture, p, inputs), { device });
  try {
    return await certifyRun(test, (params) => f(params, x));
  } finally {
    await f.release();
  }
}

/**
 * @throws {CertificateError} naming the output, the index and the element with the largest error
 * @throws {VacuousError} as `certifyFunction`
 */
export async function assertFunction(test: ArchitectureCase | RunCase): Promise<CertificateReport> {
  return assertPassed(await certifyFunction(test));
}

function certifyRun(test: FunctionCase, f: ArrayMap): Promise<CertificateReport> {
  const { group, params, stream, elements = 3, draw, tolerance, allowConstant } = test;
  const { architecture, spaces } = group;
  const draws = stream.split('elements');
  const count = spaces.length === 0 ? 0 : elements;
  return certifyUnchanged('function preservation', {
    name: test.name ?? architecture.name,
    f,
    input: act(architecture, {}, params),
    elements: Array.from({ length: count }, () => randomElement(group, draws, draw)),
    actIn: (g, own) => act(architecture, g, own),
    ...(tolerance !== undefined && { tolerance }),
    ...(allowConstant && { allowConstant }),
  });
}
