/** @file The linear layer that looks at no other entry. */
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { dense, denseParameters } from './dense.ts';
import type { Layout } from '../blocks/layout.ts';

/** `<name>.<tensor>.weight` and `.bias`, each of U(±1/√fan-in). */
export const pointwiseParameters = (
  name: string,
  { tensors }: Layout,
  inputs: number,
  outputs: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> =>
  Object.assign(
    {},
    ...tensors.map((t) => denseParameters(`${name}.${t.name}`, t.folded * inputs, t.folded * outputs, stream)),
  ) as Record<string, NdArray<'float32'>>;

/**
 * A linear map of the channels of each entry, one for each parameter.
 *
 *     Y_T[…] = X_T[…] · weight_T + bias_T
 *
 * Letters: B batch, C channels in, D channels out.
 *
 * @param x features by parameter; shape `[B, …permutable axes, folded · C]`
 * @returns features by parameter; shape `[B, …permutable axes, folded · D]`
 * Symmetry: equivariant to permutations of every space of the layout, and to any other order of a parameter's entries.
 * Source: `Pointwise` of the code of Zhou et al. 2023, arXiv:2302.14040. Departs: nothing.
 */
export const pointwise = (params: Tensors, name: string, { tensors }: Layout, x: Tensors): Record<string, Tensor> =>
  Object.fromEntries(tensors.map((t) => [t.name, dense(params, `${name}.${t.name}`, x[t.name]!)]));
