/** @file The metrics of a run in the order they came, in memory and in `metrics.jsonl`. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

import { CheckpointError, OutputError } from '../errors.ts';
import { isObject, parseExact, stringifyExact } from '../json.ts';
import { writeAtomically } from './atomic-write.ts';

export interface MetricRecord {
  readonly step: number;
  readonly metrics: { readonly [name: string]: number };
}

/**
 * The file is only ever appended to while a run goes on, so that no checkpoint can lose what stands before it. A process
 * that goes on from a checkpoint appends `{"back": <byte>}`: what counts is what counted at that place. `finish` leaves
 * the records alone.
 */
export class MetricLog {
  readonly #file: string;
  readonly #before: Buffer;
  readonly #seen = new Set<string>();
  #fd: number | undefined;
  #bytes: number;
  #records: MetricRecord[] = [];

  constructor(file: string) {
    this.#file = file;
    this.#before = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    this.#bytes = this.#before.length;
    for (const { record } of lines(this.#before)) {
      if (record !== undefined) Object.keys(record.metrics).forEach((name) => this.#seen.add(`${record.step} ${name}`));
    }
    // The last line of a process that was killed while it wrote: end it, so that it stays one unreadable line.
    if (this.#bytes > 0 && this.#before.at(-1) !== NEWLINE) this.#append('\n');
  }

  get records(): readonly MetricRecord[] {
    return this.#records;
  }

  /** What a checkpoint keeps to come back here; all that was added is on the disk then. */
  position(): number {
    if (this.#fd !== undefined) this.#guard(() => fsyncSync(this.#fd!));
    return this.#bytes;
  }

  /**
   * Makes the records those of a position that an earlier process noted; one of this process changes nothing.
   *
   * @throws {CheckpointError} when the file is shorter than that
   */
  rewind(position: number): void {
    if (position > this.#bytes) {
      const [expected, found] = [`at least ${position} bytes, which a checkpoint counts on`, `${this.#bytes}`];
      const remedy = 'the file was cut: start the run anew, without --resume';
      throw new CheckpointError({ file: this.#file, expected, found, remedy });
    }
    if (position > this.#before.length) return;
    this.#records = replay(this.#before.subarray(0, position), this.#before);
    this.#append(`${JSON.stringify({ back: position })}\n`);
  }

  add(record: MetricRecord): void {
    this.#append(`${stringifyExact(record)}\n`);
    this.#records.push(record);
  }

  /** Whether an earlier process had a value of this name and step before it died. */
  wasLogged(name: string, step: number): boolean {
    return this.#seen.has(`${step} ${name}`);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Leaves a file of the records that count, one per line. No checkpoint of the run can be used after it. */
  finish(): void {
    this.close();
    writeAtomically(this.#file, this.#records.map((record) => `${stringifyExact(record)}\n`).join(''), 'the metrics');
  }

  #append(text: string): void {
    const bytes = Buffer.from(text);
    this.#guard(() => {
      this.#fd ??= openSync(this.#file, 'a');
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
    });
    this.#bytes += bytes.length;
  }

  #guard(write: () => void): void {
    try {
      write();
    } catch (cause) {
      throw new OutputError('the metrics', this.#file, cause);
    }
  }
}

const NEWLINE = 10;

function* lines(content: Buffer): Generator<{ readonly record?: MetricRecord; readonly back?: number }> {
  for (const line of content.toString('utf8').split('\n')) {
    let value: unknown;
    try {
      value = parseExact(line);
    } catch {
      continue; // Empty, or cut short by a kill.
    }
    if (!isObject(value)) continue;
    if (typeof value['back'] === 'number') yield { back: value['back'] };
    else yield { record: value as unknown as MetricRecord };
  }
}

function replay(content: Buffer, whole: Buffer): MetricRecord[] {
  let records: MetricRecord[] = [];
  for (const { record, back } of lines(content)) {
    if (record !== undefined) records.push(record);
    if (back !== undefined) records = replay(whole.subarray(0, back), whole);
  }
  return records;
}
