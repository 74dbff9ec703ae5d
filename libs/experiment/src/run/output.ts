/** @file Where a run speaks to a person: lines, a bar, and `log.jsonl`. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

/** The two streams of a process; tests give their own. */
export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

export type Level = 'info' | 'warning' | 'error';

/** Lines go to stdout, warnings and errors to stderr; all of them to the run's log as JSON. */
export class Output {
  readonly streams: Streams;
  readonly quiet: boolean;
  #logFile: string | undefined;
  #beforeLine: () => void = () => undefined;

  constructor(streams: Streams, quiet: boolean) {
    this.streams = streams;
    this.quiet = quiet;
  }

  /** From now on, what is said is also kept in this run's `log.jsonl`. */
  logTo(folder: string): void {
    this.#logFile = join(folder, 'log.jsonl');
  }

  /** Called before a line is printed, to take a progress bar out of its way. */
  set beforeLine(clear: () => void) {
    this.#beforeLine = clear;
  }

  /** Ends a progress bar that is still drawn: its timer would keep the process alive. */
  clear(): void {
    this.#beforeLine();
  }

  say(text: string): void {
    this.log('info', text);
    if (!this.quiet) this.#print(this.streams.stdout, text);
  }

  warn(text: string): void {
    this.log('warning', text);
    this.#print(this.streams.stderr, `warning: ${text}`);
  }

  error(text: string): void {
    this.log('error', text);
    this.#print(this.streams.stderr, text);
  }

  /** Printed also when quiet; the last line of a run. */
  result(text: string): void {
    this.#print(this.streams.stdout, text);
  }

  /** Adds an entry to the log alone. */
  log(level: Level, message: string, fields: object = {}): void {
    if (this.#logFile === undefined) return;
    try {
      appendFileSync(
        this.#logFile,
        `${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`,
      );
    } catch {
      this.#logFile = undefined; // A log that can't be written must not end a run that can go on.
    }
  }

  #print(stream: Streams['stdout'], text: string): void {
    this.#beforeLine();
    stream.write(`${text}\n`);
  }
}
