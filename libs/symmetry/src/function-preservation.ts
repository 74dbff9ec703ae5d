import { forwardStacked, initialize } from '@weightspace/architecture';
import { compile } from '@weightspace/compute';
import type { Device, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { act } from './act.ts';
import type { GroupElement } from './element.ts';
import { randomElement } from './element.ts';
import type { SymmetryGroup } from './group.ts';

export interface PreservationOptions {
  /** Stacked networks; 4 newly initialized ones when absent. */
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
  group: SymmetryGroup,
  stream: RandomStream,
  options: PreservationOptions = {},
): Promise<number> {
  const { architecture } = group;
  const params = options.params ?? initialize(architecture, stream.split('networks'), { count: 4 });
  const count = params[architecture.parameters[0]!.name]!.shape[0]!;
  const draws = stream.split('elements');
  const elements = options.elements ?? Array.from({ length: count }, () => randomElement(group, draws));
  const x = Object.fromEntries(
    architecture.spec.inputs.map(({ name, size }) => [
      name,
      stream
        .split('points')
        .split(name)
        .uniform([options.points ?? 64, size], -1, 1),
    ]),
  );
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
