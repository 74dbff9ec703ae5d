/** @file What `weightspace diff` compares. */
import type { ParameterSpec } from '@weightspace/architecture';
import { matchWeights } from '@weightspace/alignment';
import { symmetryGroup } from '@weightspace/symmetry';

import { UsageError } from '../exit.ts';
import { openNetwork } from './open-network.ts';
import type { NetworkOptions } from './open-network.ts';
import { table } from './table.ts';

export interface Difference {
  readonly a: string;
  readonly b: string;
  /** Whether they differ by no more than rounding, once their neurons are matched. */
  readonly same: boolean;
  /** Whether they are equal as they are. */
  readonly identical: boolean;
  /** Euclidean distances of all parameters, before and after matching. */
  readonly distanceBefore: number;
  readonly distance: number;
  /** `distance` as a share of the norm of a. */
  readonly relative: number;
  /** Of each parameter after matching, as a share of its norm in a; the largest first. */
  readonly parameters: readonly { readonly name: string; readonly relative: number }[];
}

/** Scales are multiplied and divided in float32: a few units in the last place. */
const ROUNDING = 1e-5;

/** @throws {UsageError} when the two are networks of different architectures */
export async function diffFiles(a: string, b: string, options: NetworkOptions): Promise<Difference> {
  const [first, second] = [await openNetwork(a, options), await openNetwork(b, options)];
  compareShapes(a, b, first.network.parameters, second.network.parameters);
  const [reference, params] = [first.params, second.params];
  const names = second.network.parameters.map(({ name }) => name);
  const renamed = Object.fromEntries(first.network.parameters.map(({ name }, i) => [name, params[names[i]!]!]));
  const match = await matchWeights(symmetryGroup(first.network), reference, renamed);
  const parameters = first.network.parameters.map(({ name }) => {
    const [x, y] = [reference[name]!.data, match.params[name]!.data];
    let [gap, norm] = [0, 0];
    x.forEach((value, i) => {
      gap += (value - y[i]!) ** 2;
      norm += value ** 2;
    });
    return { name, relative: gap === 0 ? 0 : Math.sqrt(gap / norm) };
  });
  first.checkpoint.close();
  second.checkpoint.close();
  return {
    a,
    b,
    same: match.relative <= ROUNDING,
    identical: match.distanceBefore === 0,
    distanceBefore: match.distanceBefore,
    distance: match.distance,
    relative: match.relative,
    parameters: parameters.sort((x, y) => y.relative - x.relative),
  };
}

function compareShapes(a: string, b: string, first: readonly ParameterSpec[], second: readonly ParameterSpec[]): void {
  if (first.length !== second.length) {
    throw new UsageError(
      `diff: ${a} and ${b} must be of one architecture, got ${first.length} and ${second.length} parameters`,
    );
  }
  first.forEach(({ name, shape }, i) => {
    const other = second[i]!;
    if (shape.join() === other.shape.join()) return;
    const got = `'${name}' [${shape.join(', ')}] and '${other.name}' [${other.shape.join(', ')}]`;
    throw new UsageError(`diff: ${a} and ${b} must be of one architecture, got ${got}`);
  });
}

const MOST_ROWS = 12;

export function differenceText(difference: Difference): string {
  const { same, identical, distanceBefore, distance, relative, parameters } = difference;
  const verdict = identical ? 'identical' : same ? 'the same up to symmetry' : 'different, also up to symmetry';
  const head = table([
    ['result', verdict],
    ['distance', `${distanceBefore.toPrecision(4)} as they are, ${distance.toPrecision(4)} with neurons matched`],
    ['relative', `${(100 * relative).toPrecision(3)} % of the norm`],
  ]);
  if (same) return head;
  const rows = parameters
    .slice(0, MOST_ROWS)
    .map(({ name, relative: own }) => [name, `${(100 * own).toPrecision(3)} %`]);
  return `${head}\n\n${table([['parameter', 'differs by'], ...rows])}`;
}
