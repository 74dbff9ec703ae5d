/** @file What is to reach a server, on disk first: one file of lines per run, and how far it has been sent. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import type { Entry } from './entry.ts';

interface Sent {
  /** Bytes of the journal that the server has acknowledged. */
  readonly bytes: number;
  /** The run's id on the server, once it has one. */
  readonly run?: string;
  /** Its address. */
  readonly server?: string;
}

/** The journal of one run. Appending never waits for the network; a line is whole or doesn't count. */
export class Journal {
  readonly name: string;
  readonly #file: string;
  readonly #sentFile: string;

  constructor(folder: string, name: string) {
    mkdirSync(folder, { recursive: true });
    this.name = name;
    this.#file = join(folder, `${name}.jsonl`);
    this.#sentFile = join(folder, `${name}.sent.json`);
  }

  static list(folder: string): Journal[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((file) => file.endsWith('.jsonl'))
      .sort()
      .map((file) => new Journal(folder, file.slice(0, -'.jsonl'.length)));
  }

  append(entries: readonly Entry[]): void {
    if (entries.length > 0) appendFileSync(this.#file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  }

  get exists(): boolean {
    return existsSync(this.#file);
  }

  get sent(): Sent {
    try {
      return JSON.parse(readFileSync(this.#sentFile, 'utf8')) as Sent;
    } catch {
      return { bytes: 0 }; // Nothing sent yet.
    }
  }

  /** Remembers what the server has acknowledged; whole or not at all. */
  acknowledge(sent: Sent): void {
    writeFileSync(`${this.#sentFile}.tmp`, JSON.stringify(sent));
    renameSync(`${this.#sentFile}.tmp`, this.#sentFile);
  }

  /** Entries after what has been sent, each with the byte at which it ends. A line that was cut short isn't there yet. */
  unsent(): { readonly entry: Entry; readonly end: number }[] {
    if (!this.exists) return [];
    const bytes = readFileSync(this.#file);
    const pending: { entry: Entry; end: number }[] = [];
    let from = this.sent.bytes;
    for (let to = bytes.indexOf(10, from); to >= 0; to = bytes.indexOf(10, from)) {
      pending.push({ entry: JSON.parse(bytes.toString('utf8', from, to)) as Entry, end: to + 1 });
      from = to + 1;
    }
    return pending;
  }

  first(): Entry | undefined {
    if (!this.exists) return undefined;
    const text = readFileSync(this.#file, 'utf8');
    return text.includes('\n') ? (JSON.parse(text.slice(0, text.indexOf('\n'))) as Entry) : undefined;
  }

  remove(): void {
    rmSync(this.#file, { force: true });
    rmSync(this.#sentFile, { force: true });
  }
}
