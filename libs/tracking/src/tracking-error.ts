/** @file What goes wrong with tracking. */

/** Names what was called, what was expected, what was found, and what to do. */
export class TrackingError extends Error {
  override readonly name = 'TrackingError';
  readonly place: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;

  constructor(
    place: string,
    problem: { readonly expected: string; readonly found: string; readonly remedy: string },
    options?: ErrorOptions,
  ) {
    super(`${place}: expected ${problem.expected}, found ${problem.found}; ${problem.remedy}`, options);
    this.place = place;
    this.expected = problem.expected;
    this.found = problem.found;
    this.remedy = problem.remedy;
  }
}
