/** @file An error as one block that says what to do, without a stack. */
import { EXIT, exitCodeOf } from '../errors.ts';

export interface ErrorPlace {
  readonly verbose: boolean;
  /** How the user calls the experiment. */
  readonly command: string;
  /** The run's folder and id, once there is one. */
  readonly run?: { readonly path: string; readonly id: string };
}

export function showError(error: unknown, { verbose, command, run }: ErrorPlace): string {
  const lines = [`error: ${messageOf(error)}`];
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    const text = messageOf(cause);
    if (!lines.some((line) => line.includes(text))) lines.push(`  because: ${text}`);
  }
  if (exitCodeOf(error) === EXIT.usage) lines.push(`  for help: ${command} --help`);
  if (run !== undefined) {
    lines.push(`  run:      ${run.path}`);
    if (exitCodeOf(error) !== EXIT.usage) lines.push(`  resume:   ${command} --resume ${run.id}`);
  }
  if (verbose) lines.push(stackOf(error));
  else if (exitCodeOf(error) === EXIT.failed)
    lines.push('  stack:    with --verbose' + (run === undefined ? '' : ', or in log.jsonl of the run'));
  return lines.join('\n');
}

export const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? String(error)) : String(error);

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);

/** Errors of the language itself have names that help where their messages alone don't. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const named = ['TypeError', 'RangeError', 'ReferenceError', 'Error', ''].includes(error.name)
    ? ''
    : `${error.name}: `;
  const prefix = error instanceof TypeError || error instanceof ReferenceError ? `${error.name}: ` : '';
  return `${error.message === '' ? named || error.name : prefix}${error.message}`;
}
