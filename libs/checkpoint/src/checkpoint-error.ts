/** @file What goes wrong with a checkpoint: always this one error. */

export interface CheckpointProblem {
  /** The file that it went wrong in: the one opened, or a shard or data file beside it. */
  readonly file: string;
  /** Where in it, as its format says it: a tensor, an entry of a zip, an HDF5 path. */
  readonly at?: string | undefined;
  /** Byte of the file; absent where no byte is to blame, and inside compressed data. */
  readonly offset?: number | undefined;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

/** A checkpoint couldn't be read or written. Names the file, the place, what was expected, what was found, what to do. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly file: string;
  readonly at: string | undefined;
  readonly offset: number | undefined;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;

  constructor(problem: CheckpointProblem, options?: ErrorOptions) {
    const { file, at, offset, expected, found, remedy } = problem;
    const place = `${at === undefined ? '' : ` at ${at}`}${offset === undefined ? '' : `, byte ${offset}`}`;
    super(`${file}${place}: expected ${expected}, found ${found}; ${remedy}`, options);
    this.file = file;
    this.at = at;
    this.offset = offset;
    this.expected = expected;
    this.found = found;
    this.remedy = remedy;
  }
}

export const DAMAGED = 'the file is damaged or was cut: get it anew';

/** An error of the file system in these words; a CheckpointError stays as it is. */
export function fileError(file: string, expected: string, cause: unknown): CheckpointError {
  if (cause instanceof CheckpointError) return cause;
  const found = cause instanceof Error ? cause.message : String(cause);
  return new CheckpointError({ file, expected, found, remedy: 'check the path and its permissions' }, { cause });
}

/** A text from a file as a message may show it: on one line, not long. */
export function show(value: unknown, limit = 80): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, bigintsAsText) ?? String(value));
  const clean = text.slice(0, limit + 1).replace(/[\u0000-\u001f\u007f-\u009f]/g, '·');
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

const bigintsAsText = (_key: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);
