/** @file Ctrl-C: the first asks the run to stop at its next safe point, the second ends the process. */
import { EXIT, InterruptedError } from '../errors.ts';
import { stopInOrder } from './closed-pipe.ts';

/** Signals within this time are one: Ctrl-C reaches a child from the terminal and again from npm or Nx above it. */
const SAME_PRESS_MILLISECONDS = 1000;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Takes the handlers off. */
  release(): void;
}

/**
 * Listens for SIGINT, SIGTERM and SIGHUP. A reader that has gone (`stopWithReader`) interrupts too, without a word.
 *
 * @param onFirst called at the first signal, to tell the user what happens now
 */
export function listenForInterrupt(onFirst: (by: string) => void): Interrupt {
  const controller = new AbortController();
  let first = 0;
  const handle = (by: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(new InterruptedError(by));
      onFirst(by);
    } else if (performance.now() - first > SAME_PRESS_MILLISECONDS) {
      process.stderr.write(`\nstopped at once by a second ${by}; what the last checkpoint holds is kept\n`);
      process.exit(EXIT.interrupted);
    }
  };
  const releasePipe = stopInOrder(() => controller.abort(new InterruptedError('a closed pipe')));
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.on(name, handle);
  return {
    signal: controller.signal,
    release: () => {
      signals.forEach((name) => process.off(name, handle));
      releasePipe();
    },
  };
}
