/** @file How a command ends. */

export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** What was asked for isn't possible, and nothing has been computed: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = EXIT.usage;
}

/** Exit code that an error asks for; 1 when it asks for none. */
export function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null | undefined)?.exitCode;
  return typeof code === 'number' ? code : EXIT.failed;
}
