import { ParameterError, ShapeError } from '@weightspace/compute';

import type { Architecture } from './architecture.ts';
import type { LabelledNetwork } from './labels/labelled-network.ts';

type Labelled = Pick<LabelledNetwork, 'name' | 'parameters'>;
type Shaped = { readonly [name: string]: { readonly shape: readonly number[] } };

/** Shape of every parameter by name; `[count, …shape]` for stacked networks. */
export const parameterShapes = (architecture: Architecture, count?: number): { [name: string]: readonly number[] } =>
  Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => [name, count === undefined ? shape : [count, ...shape]]),
  );

/**
 * Checks names and shapes of the parameters of N stacked networks.
 *
 * @param fn the public function that checks, for the message
 * @returns N
 * @throws {ParameterError} on a missing name
 * @throws {ShapeError} on a wrong shape
 */
export function checkStacked(fn: string, architecture: Labelled, params: Shaped): number {
  let count: number | undefined;
  for (const { name, shape } of architecture.parameters) {
    const actual = parameterOf(fn, architecture, params, name);
    const fits = actual.length === shape.length + 1 && shape.every((size, axis) => size === actual[axis + 1]);
    if (!fits || actual[0] !== (count ?? actual[0])) {
      const first = count === undefined ? 'N' : `N=${count}`;
      throw new ShapeError(fn, `params '${name}'`, [first, ...shape], actual);
    }
    count = actual[0];
  }
  return count ?? 1;
}

/**
 * Checks names and shapes of the parameters of one network.
 *
 * @throws {ParameterError} on a missing name
 * @throws {ShapeError} on a wrong shape
 */
export function checkSingle(fn: string, architecture: Labelled, params: Shaped): void {
  for (const { name, shape } of architecture.parameters) {
    const actual = parameterOf(fn, architecture, params, name);
    if (actual.join() !== shape.join()) throw new ShapeError(fn, `params '${name}'`, shape, actual);
  }
}

function parameterOf(fn: string, architecture: Labelled, params: Shaped, name: string): readonly number[] {
  if (Object.hasOwn(params, name)) return params[name]!.shape;
  const has = Object.keys(params).join(', ') || 'nothing';
  throw new ParameterError(fn, name, `params must have '${name}' (${architecture.name}), got ${has}`);
}
