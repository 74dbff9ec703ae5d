/** A file can't be recognized, or can't be verified. */
export class RecognitionError extends Error {
  override readonly name = 'RecognitionError';
  /** The public function that refuses. */
  readonly fn: string;
  /** The node, tensor or input that it is about; '' for the file as a whole. */
  readonly place: string;
  readonly expected: string;

  constructor(fn: string, place: string, expected: string, got: string, remedy?: string, options?: ErrorOptions) {
    const subject = place === '' ? 'the model' : place;
    super(`${fn}: ${subject} must ${expected}, got ${got}${remedy === undefined ? '' : `; ${remedy}`}`, options);
    this.fn = fn;
    this.place = place;
    this.expected = expected;
  }
}
