/** A group, an element or what it acts on doesn't fit the architecture. */
export class SymmetryError extends Error {
  override readonly name = 'SymmetryError';
  readonly fn: string;

  constructor(fn: string, message: string) {
    super(`${fn}: ${message}`);
    this.fn = fn;
  }
}
