/** A graph can't be made, drawn, written or read; the message says where, what was expected and what was found. */
export class ParameterGraphError extends Error {
  override readonly name = 'ParameterGraphError';
  readonly fn: string;

  constructor(fn: string, message: string, options?: ErrorOptions) {
    super(`${fn}: ${message}`, options);
    this.fn = fn;
  }
}
