import type { LabelledNetwork } from '@weightspace/architecture';

import type { GroupElement, SpaceElement } from './element.ts';
import { layoutOf } from './layout/layout.ts';
import type { LeafSpace } from './layout/layout.ts';
import { SymmetryError } from './symmetry-error.ts';

/** @throws {SymmetryError} naming the space and what is wrong with it */
export function checkElement(fn: string, network: LabelledNetwork, g: GroupElement): void {
  const { leaves } = layoutOf(network);
  for (const [name, element] of Object.entries(g)) {
    const leaf = leaves.get(name);
    if (leaf?.free) {
      checkOrders(fn, leaf, element.permutation);
      checkFactors(fn, leaf, element);
      continue;
    }
    const free = [...leaves.values()].filter((candidate) => candidate.free).map((candidate) => candidate.name);
    fail(fn, name, `must be of a free space (${free.join(', ') || 'there is none'})`);
  }
}

function fail(fn: string, name: string, message: string): never {
  throw new SymmetryError(fn, `element of space '${name}' ${message}`);
}

function checkOrders(fn: string, { name, size, instances, total }: LeafSpace, permutation: Int32Array): void {
  const seen = new Uint8Array(total);
  let fits = permutation.length === total;
  for (let q = 0; fits && q < total; q++) {
    const i = permutation[q]!;
    const at = q - (q % size) + i;
    fits = i >= 0 && i < size && seen[at] === 0;
    if (fits) seen[at] = 1;
  }
  if (fits) return;
  const each = instances === 1 ? '' : ` for each of ${instances} instances`;
  const shown = permutation.length <= 64 ? permutation.join(', ') : `${permutation.slice(0, 64).join(', ')}, …`;
  fail(fn, name, `must have an order of its ${size} neurons${each}, got [${shown}]`);
}

function checkFactors(fn: string, { name, total, space }: LeafSpace, { sign, shift, scale }: SpaceElement): void {
  const { symmetries, activation } = space;
  const parts = [
    ['sign', sign, symmetries.sign, (s: number) => s === 1 || s === -1, '1 or −1'],
    ['shift', shift, symmetries.phase !== undefined, Number.isInteger, 'whole'],
    ['scale', scale, symmetries.scale, (c: number) => c > 0 && c < Infinity, 'above 0'],
  ] as const;
  for (const [part, values, has, fits, expected] of parts) {
    if (values === undefined) continue;
    if (!has) fail(fn, name, `must not have '${part}', which isn't a symmetry of ${activation.kind}`);
    if (values.length !== total) fail(fn, name, `must have ${total} values of '${part}', got ${values.length}`);
    const wrong = values.findIndex((value: number) => !fits(value));
    if (wrong >= 0)
      fail(fn, name, `must have values of '${part}' that are ${expected}, got ${values[wrong]} at ${wrong}`);
  }
}
