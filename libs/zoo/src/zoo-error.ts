/** @file What goes wrong with a zoo. */

export interface ZooProblem {
  /** The file or folder. */
  readonly file: string;
  /** Where in it: an HDF5 path, a line. */
  readonly at?: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

/** Names the file, the place, what was expected, what was found, and what to do. */
export class ZooError extends Error {
  override readonly name = 'ZooError';
  readonly problem: ZooProblem;

  constructor(fn: string, problem: ZooProblem, options?: ErrorOptions) {
    const { file, at, expected, found, remedy } = problem;
    super(
      `${fn}: ${file}${at === undefined ? '' : ` at ${at}`}: expected ${expected}, found ${found}; ${remedy}`,
      options,
    );
    this.problem = problem;
  }
}

const remedies: { readonly [code: string]: string } = {
  ENOSPC: 'free some disk space and continue with --resume: what is written stays',
  EROFS: 'the folder is read-only: choose another one',
  EACCES: 'you may not write there: choose another folder or change its rights',
  EPERM: 'you may not write there: choose another folder or change its rights',
  ENOENT: 'check the path',
  ENOTDIR: 'a file stands where a folder is needed: choose another path',
};

/** An error of the file system in a zoo's words. */
export function fileError(fn: string, file: string, expected: string, cause: unknown): ZooError {
  if (cause instanceof ZooError) return cause;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const found = cause instanceof Error ? cause.message : String(cause);
  return new ZooError(
    fn,
    { file, expected, found, remedy: remedies[code] ?? 'check the disk and the path' },
    { cause },
  );
}
