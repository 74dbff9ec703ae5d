/** @file What can go wrong with a run, and the exit code that it ends with. */

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
  /** As a shell says it of a command that SIGPIPE has ended: 128 + 13. */
  closedPipe: 141,
} as const;

/** The command, a setting or a path is wrong, and nothing has been computed: exit code 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
  readonly exitCode: number = EXIT.usage;
}

/** A setting is unknown, mistyped or out of bounds. */
export class ConfigError extends UsageError {
  override readonly name = 'ConfigError';
  /** Where the setting was given: `--set …`, a file, a configuration. */
  readonly source: string;
  /** Dot path of the setting. */
  readonly path: string;
  constructor(source: string, path: string, problem: string) {
    super(`${source}: ${problem}`);
    this.source = source;
    this.path = path;
  }
}

export interface FileProblem {
  readonly file: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

/** A checkpoint can't be used. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly exitCode: number;
  readonly problem: FileProblem;
  constructor(problem: FileProblem, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(`${problem.file}: expected ${problem.expected}, found ${problem.found}; ${problem.remedy}`, options);
    this.problem = problem;
    this.exitCode = exitCode;
  }
}

/** A file or folder can't be written. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  readonly exitCode: number;
  readonly file: string;
  /** The system's code, such as ENOSPC. */
  readonly code: string;
  constructor(what: string, file: string, cause: unknown, exitCode: number = EXIT.failed) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    const [reason, remedy] = REASONS[code] ?? [(cause as Error).message, 'check the path'];
    super(`cannot write ${what} ${file}: ${reason}; ${remedy}`, { cause });
    this.file = file;
    this.code = code;
    this.exitCode = exitCode;
  }
}

const REASONS: { readonly [code: string]: readonly [string, string] } = {
  ENOSPC: ['no space is left on the device (ENOSPC)', 'free some, then go on with --resume'],
  EDQUOT: ['the disk quota is used up (EDQUOT)', 'free some, then go on with --resume'],
  EROFS: ['the file system is read-only (EROFS)', 'choose a folder on another one'],
  EACCES: ['permission denied (EACCES)', 'choose a folder that you may write to, or change its permissions'],
  EPERM: ['operation not permitted (EPERM)', 'choose a folder that you may write to, or change its permissions'],
  ENOTDIR: ['a part of the path is a file, not a folder (ENOTDIR)', 'check the path'],
  ENOENT: ['a folder of the path does not exist and cannot be made (ENOENT)', 'check the path'],
  EISDIR: ['there is a folder of that name (EISDIR)', 'give the name of a file'],
  EEXIST: ['a file of that name is in the way (EEXIST)', 'check the path'],
};

/** The run was stopped by a signal, or by the experiment itself through `context.signal`. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly exitCode = EXIT.interrupted;
  /** The signal, such as SIGINT. */
  readonly by: string;
  constructor(by: string) {
    super(`stopped by ${by}`);
    this.by = by;
  }
}

/** Exit code that an error asks for; 1 when it asks for none. */
export function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null | undefined)?.exitCode;
  return typeof code === 'number' ? code : EXIT.failed;
}
