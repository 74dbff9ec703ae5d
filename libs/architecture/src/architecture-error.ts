/** An architecture's description is wrong; `place` says where, e.g. `layers[1].size`. */
export class ArchitectureError extends Error {
  override readonly name = 'ArchitectureError';
  readonly fn: string;
  readonly place: string;
  readonly expected: string;

  constructor(fn: string, place: string, expected: string, got: unknown, remedy?: string) {
    super(`${fn}: ${place} must be ${expected}, got ${show(got)}${remedy === undefined ? '' : `; ${remedy}`}`);
    this.fn = fn;
    this.place = place;
    this.expected = expected;
  }
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
