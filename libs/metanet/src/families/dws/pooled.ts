/** @file Every pooled form of a parameter's features, each computed once however many sub-layers read it. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { constantParameter } from '../../layers/dense.ts';
import { poolSet } from '../../layers/sets/pool-set.ts';
import type { SetPool } from '../../layers/sets/pool-set.ts';
import type { Parameters } from './maps.ts';
import type { DwsPlan, DwsTensor } from './plan.ts';

/** Pooled forms of one parameter; computed when first asked for. */
export interface PooledForms {
  /** Over all but one hidden space; shape `[B, C, n]`. */
  readonly bySpace: (space: string) => Tensor;
  /** Over all hidden spaces; shape `[B, C]`. */
  readonly whole: () => Tensor;
}

const queryName = (layer: string, tensor: string, form: string): string => `${layer}.${tensor}.query.${form}`;
const WHOLE = 'whole';

/** Forms that pool over something and that a sub-layer of the plan reads. */
function readForms({ sets, vectors, matrices }: DwsPlan, tensor: DwsTensor, deepSets: boolean): string[] {
  const mixed = matrices.some(({ from }) => from === tensor);
  const set = sets.filter(({ from }) => from === tensor);
  const spaces = tensor.spaces.length === 2 ? tensor.spaces : [];
  const kept = spaces.filter((space) => mixed || set.some((group) => group.space === space));
  const whole =
    mixed || (deepSets && set.length > 0) || vectors.some(({ from, targets }) => from === tensor && targets.length > 0);
  return [...kept, ...(whole && tensor.spaces.length > 0 ? [WHOLE] : [])];
}

/** Queries of attention pooling, one for each pooled form; they start at 1, as in the public code. */
export function pooledParameters(
  layer: string,
  plan: DwsPlan,
  channels: number,
  pool: SetPool,
  deepSets: boolean,
): Parameters {
  if (pool !== 'attention') return {};
  return Object.fromEntries(
    plan.tensors.flatMap((t) =>
      readForms(plan, t, deepSets).map((form) => [
        queryName(layer, t.name, form),
        constantParameter(1, [t.folded * channels]),
      ]),
    ),
  );
}

/** @param x shape `[B, C, …sizes]` */
export function pooledForms(params: Tensors, layer: string, tensor: DwsTensor, x: Tensor, pool: SetPool): PooledForms {
  const done = new Map<string, Tensor>();
  const once = (form: string, compute: () => Tensor): Tensor => {
    if (!done.has(form)) done.set(form, compute());
    return done.get(form)!;
  };
  const over = (y: Tensor, axis: number, form: string): Tensor =>
    tf.squeeze(poolSet(pool, y, axis, 1, params[queryName(layer, tensor.name, form)]), [axis]);
  const bySpace = (space: string): Tensor =>
    tensor.spaces.length === 1 ? x : once(space, () => over(x, tensor.spaces[0] === space ? 3 : 2, space));
  const whole = (): Tensor => {
    if (tensor.spaces.length === 0) return x;
    // A maximum of maxima is the maximum, a mean of means of equal sizes the mean; shares of attention aren't alike.
    if (tensor.spaces.length === 1) return once(WHOLE, () => over(x, 2, WHOLE));
    if (pool !== 'attention') return once(WHOLE, () => over(bySpace(tensor.spaces[1]!), 2, WHOLE));
    const [batch, channels, n, m] = x.shape as [number, number, number, number];
    return once(WHOLE, () => over(tf.reshape(x, [batch, channels, n * m]), 2, WHOLE));
  };
  return { bySpace, whole };
}
