/** Settings of an alignment that can't be, e.g. random starts without a stream. */
export class AlignmentError extends RangeError {
  override readonly name = 'AlignmentError';
  readonly fn: string;

  constructor(fn: string, message: string) {
    super(`${fn}: ${message}`);
    this.fn = fn;
  }
}
