import { SymmetryError } from '../symmetry-error.ts';

/**
 * All orders of 0 … n−1.
 *
 * @throws {SymmetryError} when there are more than `limit`
 */
export function permutationsOf(n: number, limit: number, what: string): Int32Array[] {
  let count = 1;
  for (let i = 2; i <= n && count <= limit; i++) count *= i;
  if (count > limit) {
    throw new SymmetryError('automorphisms', `${what} must have at most ${limit} orders to try, got ${n}! of them`);
  }
  let orders: number[][] = [[]];
  for (let i = 0; i < n; i++) {
    orders = orders.flatMap((order) => Array.from({ length: i + 1 }, (_, at) => order.toSpliced(at, 0, i)));
  }
  return orders.map((order) => Int32Array.from(order));
}
