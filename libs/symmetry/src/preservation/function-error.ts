import { forwardStacked, initialize } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, mapValues, ndarray } from '@weightspace/compute';
import type { Device, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { act } from '../act.ts';
import type { GroupElement } from '../element.ts';
import { randomElement } from '../element.ts';
import type { SymmetryGroup } from '../group.ts';
import { randomInputs } from './inputs.ts';

export interface PreservationOptions {
  /** Stacked networks; 4 newly initialized ones when absent, with all that starts as 0 or 1 moved at random. */
  readonly params?: NdArrays;
  /** Elements, one for each network; random ones when absent. */
  readonly elements?: readonly GroupElement[];
  /** Inputs to compare on, uniform in [−1, 1]; 64 unless said otherwise. */
  readonly points?: number;
  readonly device?: Device;
}

/**
 * How far the functions of networks are from those of their images under the group.
 *
 * @returns the largest |f(x) − f_g(x)| as a share of the largest |f(x)|; near 1e-6 for exact symmetries in float32
 */
export async function functionError(
  group: SymmetryGroup<Architecture>,
  stream: RandomStream,
  options: PreservationOptions = {},
): Promise<number> {
  const { architecture } = group;
  const params = options.params ?? genericParameters(architecture, stream.split('networks'), 4);
  const count = params[architecture.parameters[0]!.name]!.shape[0]!;
  const draws = stream.split('elements');
  const elements = options.elements ?? Array.from({ length: count }, () => randomElement(group, draws));
  const x = randomInputs(architecture, stream.split('points'), options.points ?? 64);
  const f = compile((p: Tensors, points: Tensors): Tensor => forwardStacked(architecture, p, points), {
    name: 'functionError',
    device: options.device ?? 'eager',
  });
  const before = await f(params, x);
  const after = await f(act(architecture, elements, params), x);
  await f.release();
  let [error, scale] = [0, 0];
  before.data.forEach((value, i) => {
    error = Math.max(error, Math.abs(value - after.data[i]!));
    scale = Math.max(scale, Math.abs(value));
  });
  return error / scale;
}

/**
 * Newly initialized networks in which no two neurons are alike: where all start as 0 or 1 (biases of norms, running
 * variances), each is moved by up to 0.3.
 *
 * @returns shape `[count, …shape]`
 */
export function genericParameters(architecture: Architecture, stream: RandomStream, count: number): NdArrays {
  const constant = architecture.parameters.filter(({ start }) => start === 'zeros' || start === 'ones');
  const moved = mapValues(initialize(architecture, stream, { count }), ({ data, shape }, name) => {
    if (!constant.some((p) => p.name === name)) return ndarray(data as Float32Array, shape);
    const moves = stream.split('moves').split(name).uniform(shape, -0.3, 0.3).data;
    return ndarray(
      Float32Array.from(data as Float32Array, (value, i) => value + moves[i]!),
      shape,
    );
  });
  return moved;
}
