/** @file Whether models stand in the order of the published results. */
import type { ComparisonRow } from './table.ts';

/** Every model of `lower` is published below every one of `upper`. */
export interface Order {
  readonly lower: readonly string[];
  readonly upper: readonly string[];
}

export interface OrderCheck extends Order {
  readonly observed: boolean;
  /** Whether the 95 % intervals don't overlap either; false where a model has one seed. */
  readonly apart: boolean;
  readonly text: string;
}

const groups: readonly (readonly string[])[] = [
  ['flat-mlp', 'flat-mlp-permuted'],
  ['stat-nn'],
  ['dws-augmented', 'dws-canonical', 'nfn-np', 'nfn-hnp'],
  ['ng-gnn', 'ng-gnn-residual', 'ng-t'],
  ['ng-gnn-probes', 'ng-gnn-residual-probes', 'ng-t-probes'],
];

/** Each group of models below the next, and a model without augmentation below the same with it. */
export const publishedOrder: readonly Order[] = [
  ...groups.slice(1).map((upper, at) => ({ lower: groups[at]!, upper })),
  { lower: ['dws'], upper: ['dws-augmented'] },
];

/** By the models that were compared: the best of the lower ones against the worst of the upper ones. */
export function checkOrder(rows: readonly ComparisonRow[], orders: readonly Order[] = publishedOrder): OrderCheck[] {
  return orders.flatMap((order) => {
    const [lower, upper] = [order.lower, order.upper].map((names) => rows.filter(({ model }) => names.includes(model)));
    if (lower!.length === 0 || upper!.length === 0) return [];
    const best = lower!.reduce((a, b) => (b.accuracy.mean > a.accuracy.mean ? b : a));
    const worst = upper!.reduce((a, b) => (b.accuracy.mean < a.accuracy.mean ? b : a));
    const observed = best.accuracy.mean < worst.accuracy.mean;
    const highest = Math.max(...lower!.map(({ accuracy }) => accuracy.high));
    const apart = observed && highest < Math.min(...upper!.map(({ accuracy }) => accuracy.low));
    const names = (group: readonly ComparisonRow[]) => group.map(({ model }) => model).join(', ');
    const shown = ({ model, accuracy }: ComparisonRow) => `${model} ${(100 * accuracy.mean).toFixed(1)} %`;
    const verdict = observed ? `observed${apart ? ', intervals apart' : ''}` : 'not observed';
    return {
      ...order,
      observed,
      apart,
      text: `${names(lower!)} < ${names(upper!)}: ${verdict} (${shown(best)}, ${shown(worst)})`,
    };
  });
}
