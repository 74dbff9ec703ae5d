/** @file What happens when nobody reads any more what the process prints, as behind `| head -1`. */
import { EXIT } from '../errors.ts';
import type { Streams } from './output.ts';

/** What is under way and ends in order; while there is none, the process ends at once. */
const underWay = new Set<() => void>();

/**
 * Ends this process quietly, with exit code 141, when its stdout or stderr is closed by its reader (EPIPE): at once,
 * or, while `stopInOrder` holds something, as soon as that has stopped. Without it, Node shows a stack trace.
 * A second call changes nothing; nor does one with streams that aren't the process's own.
 */
export function stopWithReader(streams: Streams = process): void {
  if (streams !== process) return;
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.listeners('error').includes(onStreamError)) stream.on('error', onStreamError);
  }
}

/**
 * Has something stopped in place of the whole process. What is printed until its end goes nowhere.
 *
 * @param stop called at the first write that nobody reads, and perhaps again
 * @returns takes it off
 */
export function stopInOrder(stop: () => void): () => void {
  underWay.add(stop);
  return () => underWay.delete(stop);
}

function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  if (underWay.size === 0) process.exit(EXIT.closedPipe);
  process.off('exit', setExitCode).once('exit', setExitCode);
  underWay.forEach((stop) => stop());
}

const setExitCode = (): void => {
  process.exitCode = EXIT.closedPipe;
};
