/** @file The checks of `checkSingle` and `checkStacked`, for networks that are no architecture. */
import type { LabelledNetwork } from '@weightspace/architecture';
import { ParameterError, ShapeError } from '@weightspace/compute';

type Shaped = { readonly [name: string]: { readonly shape: readonly number[] } };

/**
 * Checks names and shapes of the parameters of N stacked networks.
 *
 * @returns N
 * @throws {ParameterError} on a missing name
 * @throws {ShapeError} on a wrong shape
 */
export function checkStackedParameters(fn: string, network: LabelledNetwork, params: Shaped): number {
  let count: number | undefined;
  for (const { name, shape } of network.parameters) {
    const [own, ...rest] = shapeOf(fn, network, params, name);
    const expected = [`N${count === undefined ? '' : `=${count}`}`, ...shape];
    if (own === undefined || rest.join() !== shape.join() || own !== (count ?? own)) {
      throw new ShapeError(fn, `params '${name}'`, expected, own === undefined ? [] : [own, ...rest]);
    }
    count = own;
  }
  return count ?? 1;
}

/**
 * Checks names and shapes of the parameters of one network.
 *
 * @throws {ParameterError} on a missing name
 * @throws {ShapeError} on a wrong shape
 */
export function checkSingleParameters(fn: string, network: LabelledNetwork, params: Shaped): void {
  for (const { name, shape } of network.parameters) {
    const actual = shapeOf(fn, network, params, name);
    if (actual.join() !== shape.join()) throw new ShapeError(fn, `params '${name}'`, shape, actual);
  }
}

function shapeOf(fn: string, network: LabelledNetwork, params: Shaped, name: string): readonly number[] {
  if (Object.hasOwn(params, name)) return params[name]!.shape;
  const has = Object.keys(params).join(', ') || 'nothing';
  throw new ParameterError(fn, name, `params must have '${name}' (${network.name}), got ${has}`);
}
