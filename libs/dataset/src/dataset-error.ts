/** @file What goes wrong with a file of a data set. */

/** Names the file, where in it, what was expected, what was found, and what to do. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
  readonly file: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;

  constructor(
    file: string,
    problem: { readonly at?: string; readonly expected: string; readonly found: string; readonly remedy: string },
  ) {
    super(
      `${file}${problem.at === undefined ? '' : ` at ${problem.at}`}: expected ${problem.expected}, found ${problem.found}; ${problem.remedy}`,
    );
    this.file = file;
    this.expected = problem.expected;
    this.found = problem.found;
    this.remedy = problem.remedy;
  }
}
