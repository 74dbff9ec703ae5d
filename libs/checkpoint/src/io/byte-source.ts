/** @file Bytes of a file by range: every read is checked, and nothing is read that isn't asked for. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

import { CheckpointError, DAMAGED, fileError } from '../checkpoint-error.ts';

/** What a failure says beyond the place, which the source adds. */
export interface SourceProblem {
  /** Byte of the source; it is told as a byte of the file where the two correspond. */
  readonly offset?: number;
  /** A finer place than the source's own, such as a tensor. */
  readonly at?: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy?: string;
}

/** A range of bytes: a whole file, a part of it, or what was inflated from a part of it. */
export interface ByteSource {
  readonly file: string;
  /** What the range is within the file, such as an entry of a zip; undefined for the whole file. */
  readonly at: string | undefined;
  readonly size: number;
  /** Byte of the file at which the range begins; undefined for inflated bytes, which stand nowhere in it. */
  readonly base: number | undefined;
  /**
   * @returns exactly these bytes, in memory of their own
   * @throws {CheckpointError} when they go beyond the end, or the file changed
   */
  read(offset: number, length: number): Uint8Array;
  fail(problem: SourceProblem): never;
}

/** One call reads at most 1 GiB: the system gives no more than 2 GiB at once. */
const CALL_LIMIT = 2 ** 30;
/** Node's largest array of bytes; more is refused before it is tried. */
export const ARRAY_LIMIT = 2 ** 32 - 1;

abstract class CheckedSource implements ByteSource {
  abstract readonly file: string;
  abstract readonly at: string | undefined;
  abstract readonly size: number;
  abstract readonly base: number | undefined;

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      this.fail({
        offset: Math.min(Math.max(0, offset), this.size),
        expected: `${length} bytes`,
        found: `${Math.max(0, this.size - offset)} before the end`,
      });
    }
    if (length > ARRAY_LIMIT) {
      const remedy = 'cut the tensor into smaller ones';
      this.fail({ offset, expected: `at most ${ARRAY_LIMIT} bytes at once`, found: `${length}`, remedy });
    }
    return this.readChecked(offset, length);
  }

  protected abstract readChecked(offset: number, length: number): Uint8Array;

  fail({ offset, at, expected, found, remedy = DAMAGED }: SourceProblem): never {
    const place = [this.at, at].filter((part) => part !== undefined).join(', ');
    throw new CheckpointError({
      file: this.file,
      at: place === '' ? undefined : place,
      offset: offset === undefined || this.base === undefined ? undefined : this.base + offset,
      expected,
      found,
      remedy,
    });
  }
}

/** A file, opened for each read, so that nothing has to be closed; `holding` keeps it open over many. */
export class FileSource extends CheckedSource {
  readonly file: string;
  readonly at = undefined;
  readonly base = 0;
  readonly size: number;
  readonly #changed: number;
  #fd: number | undefined;

  /** @throws {CheckpointError} when it isn't a file that can be read */
  constructor(file: string) {
    super();
    this.file = file;
    const stat = withFile(file, (fd) => fstatSync(fd));
    if (!stat.isFile()) {
      const found = stat.isDirectory() ? 'a folder' : 'something else';
      this.fail({ expected: 'a file', found, remedy: 'name a file, such as the model.json in a folder' });
    }
    this.size = stat.size;
    this.#changed = stat.mtimeMs;
  }

  protected readChecked(offset: number, length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    if (this.#fd !== undefined) return this.#fill(this.#fd, offset, length);
    return withFile(this.file, (fd) => {
      const { size, mtimeMs } = fstatSync(fd);
      if (size !== this.size || mtimeMs !== this.#changed)
        this.fail({
          expected: 'the file as it was when it was opened',
          found: 'that it changed',
          remedy: 'open it again',
        });
      return this.#fill(fd, offset, length);
    });
  }

  #fill(fd: number, offset: number, length: number): Uint8Array {
    const target = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const got = readSync(fd, target, done, Math.min(length - done, CALL_LIMIT), offset + done);
      if (got === 0)
        this.fail({ offset: offset + done, expected: `${length - done} more bytes`, found: 'the end of the file' });
      done += got;
    }
    return target;
  }

  /** Keeps the file open while `use` runs. */
  holding<T>(use: () => T): T {
    return withFile(this.file, (fd) => {
      this.#fd = fd;
      try {
        return use();
      } finally {
        this.#fd = undefined;
      }
    });
  }
}

function withFile<T>(file: string, use: (fd: number) => T): T {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    return use(fd);
  } catch (cause) {
    if (isSystemError(cause)) throw fileError(file, 'a readable file', cause);
    throw cause;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

/** A part of a source, with a name of its own. */
export class Section extends CheckedSource {
  readonly file: string;
  readonly at: string;
  readonly size: number;
  readonly base: number | undefined;
  /** What it is a part of, and from where. */
  readonly whole: ByteSource;
  readonly begin: number;

  constructor(source: ByteSource, begin: number, size: number, at: string) {
    super();
    this.file = source.file;
    this.at = at;
    this.base = source.base === undefined ? undefined : source.base + begin;
    this.size = size;
    this.whole = source;
    this.begin = begin;
  }

  protected readChecked(offset: number, length: number): Uint8Array {
    return this.whole.read(this.begin + offset, length);
  }
}

/** Bytes that are made from a part of the file when they are asked for, such as by inflating it. */
export class DerivedSource extends CheckedSource {
  readonly file: string;
  readonly at: string;
  readonly size: number;
  readonly base = undefined;
  readonly #make: (end: number) => Uint8Array;

  /** @param make gives at least the first `end` bytes; it has checked that they can be afforded */
  constructor(file: string, at: string, size: number, make: (end: number) => Uint8Array) {
    super();
    this.file = file;
    this.at = at;
    this.size = size;
    this.#make = make;
  }

  protected readChecked(offset: number, length: number): Uint8Array {
    const bytes = this.#make(offset + length);
    if (bytes.length < offset + length)
      this.fail({ expected: `${offset + length} bytes`, found: `${bytes.length} when inflated` });
    return offset === 0 && length === bytes.length ? bytes : bytes.slice(offset, offset + length);
  }
}
