/** @file Which nodes carry a value: one group for each segment of its channels. */

export interface Carrier {
  readonly key: string;
  readonly group: number;
}

/** The group for a product of spaces: the one at the same segment where it fits, else the first that does. */
export function findCarrier(carriers: readonly Carrier[], key: string, segment: number): number | undefined {
  const same = carriers[segment];
  if (same?.key === key) return same.group;
  return carriers.find((carrier) => carrier.key === key)?.group;
}
