/** @file Zoo files by h5wasm, which reports most failures by silence: everything is checked here and in h5-reader.ts. */
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

import { sizeOf } from '@weightspace/compute';
import h5wasm from 'h5wasm/node';

import { checkSignature } from './h5-signature.ts';
import { ZooError } from './zoo-error.ts';

export type H5Array = Float32Array | Int32Array | Uint8Array;
export interface H5Dataset {
  readonly shape: readonly number[];
  readonly data: H5Array;
}
/** Attributes of the root, and datasets by their path, such as `parameters/layer1.weight`. */
export interface H5Contents {
  readonly attributes: { readonly [name: string]: string };
  readonly datasets: { readonly [path: string]: H5Dataset };
}

/** A read goes through the wasm heap, which never shrinks: in pieces of about this many bytes. */
const PIECE = 64 * 2 ** 20;
const dtypes: { readonly [name: string]: string } = { Float32Array: '<f', Int32Array: '<i', Uint8Array: '<B' };

/**
 * Writes a file as a whole. Equal contents give equal bytes: HDF5's own time stamps are all 0.
 *
 * @throws {ZooError} when anything can't be written
 */
export async function writeH5(file: string, { attributes, datasets }: H5Contents): Promise<void> {
  checkSpace(file, datasets);
  await h5wasm.ready;
  // HDF5 stamps every object with the time of day, which emscripten takes from Date.now.
  const now = Date.now;
  Date.now = () => 0;
  try {
    const h5 = new h5wasm.File(file, 'w', { libver: 'v108' });
    if (h5.file_id < 0n) throw cannotWrite(file, 'the file', 'HDF5 could not create it');
    try {
      for (const [name, value] of Object.entries(attributes)) h5.create_attribute(name, value);
      for (const [path, dataset] of Object.entries(datasets)) writeDataset(h5, file, path, dataset);
      if (Number(h5.flush() ?? 0) < 0) throw cannotWrite(file, 'the file', 'HDF5 could not flush it');
    } finally {
      const closed: unknown = h5.close();
      if (typeof closed === 'number' && closed < 0) throw cannotWrite(file, 'the file', 'HDF5 could not close it');
    }
  } finally {
    Date.now = now;
  }
  checkWritten(file, datasets);
}

type File = InstanceType<typeof h5wasm.File>;

function writeDataset(h5: File, file: string, path: string, { shape, data }: H5Dataset): void {
  if (data.length !== sizeOf(shape)) {
    throw new ZooError('writeH5', {
      file,
      at: path,
      expected: `${sizeOf(shape)} values for [${shape.join(', ')}]`,
      found: String(data.length),
      remedy: 'pass data of the shape that you name',
    });
  }
  const parts = path.split('/');
  let group = '';
  for (const part of parts.slice(0, -1)) {
    const parent = group === '' ? h5 : (h5.get(group) as File);
    group = group === '' ? part : `${group}/${part}`;
    if (h5.get(group) === null) parent.create_group(part);
  }
  const parent = group === '' ? h5 : (h5.get(group) as File | null);
  if (!parent) throw cannotWrite(file, path, 'its group could not be made');
  parent.create_dataset({ name: parts.at(-1)!, data, shape: [...shape], dtype: dtypes[data.constructor.name]! });
  if (h5.get(path) === null) throw cannotWrite(file, path, 'HDF5 did not write it');
}

const cannotWrite = (file: string, at: string, found: string) =>
  new ZooError('writeH5', {
    file,
    at,
    expected: 'to write it',
    found,
    remedy: 'check the disk: is it full or read-only?',
  });

const bytesOf = (datasets: H5Contents['datasets']) =>
  Object.values(datasets).reduce((sum, { data }) => sum + data.byteLength, 0);

/** Asked before, since HDF5 prints pages of its own when the disk fills up. */
function checkSpace(file: string, datasets: H5Contents['datasets']): void {
  const { bavail, bsize } = statfsSync(dirname(file));
  const needed = bytesOf(datasets) + 2 ** 16;
  if (bavail * bsize >= needed) return;
  throw new ZooError('writeH5', {
    file,
    expected: `${needed} bytes free on the disk`,
    found: String(bavail * bsize),
    remedy: 'free some disk space and continue with --resume: what is written stays',
  });
}

/** A disk that filled up meanwhile shows only in the size of what was written. */
function checkWritten(file: string, datasets: H5Contents['datasets']): void {
  const bytes = bytesOf(datasets);
  const size = statSync(file).size;
  if (size < bytes) throw cannotWrite(file, 'the file', `${size} of at least ${bytes} bytes on disk`);
}

/** An open file; close it when done. */
export class H5File {
  readonly #file: string;
  readonly #h5: File;

  private constructor(file: string, h5: File) {
    this.#file = file;
    this.#h5 = h5;
  }

  /** @throws {ZooError} when it is missing, no HDF5, or damaged */
  static async open(file: string): Promise<H5File> {
    await h5wasm.ready;
    checkSignature('openZoo', file);
    const h5 = new h5wasm.File(file, 'r');
    if (h5.file_id < 0n) {
      throw new ZooError('openZoo', {
        file,
        expected: 'a whole HDF5 file',
        found: 'one that HDF5 cannot open',
        remedy: 'it is truncated or damaged: delete it and generate again with --resume',
      });
    }
    return new H5File(file, h5);
  }

  close(): void {
    this.#h5.close();
  }

  attribute(name: string): string {
    const found = this.#guard(`attribute ${name}`, () => this.#h5.attrs[name]?.value);
    if (typeof found === 'string') return found;
    throw new ZooError('openZoo', {
      file: this.#file,
      at: `attribute ${name}`,
      expected: 'a text',
      found: found === undefined ? 'nothing' : typeof found,
      remedy: 'this is no zoo file: generate it with this version',
    });
  }

  hasAttribute(name: string): boolean {
    return this.#guard('attributes', () => Object.hasOwn(this.#h5.attrs, name));
  }

  /** Names in a group; none when the group is absent. */
  names(group: string): string[] {
    return this.#guard(group, () => (this.#h5.get(group) as { keys?: () => string[] } | null)?.keys?.() ?? []);
  }

  shape(path: string): readonly number[] {
    return this.#dataset(path).shape!;
  }

  /** All of a dataset, or its rows `from` to `to`. */
  read(path: string, from = 0, to?: number): H5Dataset {
    const dataset = this.#dataset(path);
    const [rows = 1, ...rest] = dataset.shape!;
    const end = to ?? rows;
    const stride = sizeOf(rest);
    const piece = Math.max(1, Math.floor(PIECE / (4 * Math.max(1, stride))));
    const parts: H5Array[] = [];
    for (let at = from; at < end; at += piece) {
      const range = [[at, Math.min(at + piece, end)], ...rest.map(() => [] as [])];
      parts.push(this.#guard(path, () => dataset.slice(range as [number, number][]) as H5Array));
    }
    const data = joined(parts);
    if (data.length !== (end - from) * stride) {
      throw new ZooError('openZoo', {
        file: this.#file,
        at: path,
        expected: `${(end - from) * stride} values`,
        found: String(data.length),
        remedy: 'the file is damaged: delete it and generate again with --resume',
      });
    }
    return { shape: [end - from, ...rest], data };
  }

  /** What HDF5 throws over a damaged file says neither which file nor where. */
  #guard<T>(at: string, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      const found = cause instanceof Error ? cause.message : String(cause);
      const remedy = 'the file is damaged: delete it and generate again with --resume';
      throw new ZooError('openZoo', { file: this.#file, at, expected: 'what HDF5 can read', found, remedy }, { cause });
    }
  }

  #dataset(path: string): InstanceType<typeof h5wasm.Dataset> {
    const found = this.#guard(path, () => this.#h5.get(path));
    if (found instanceof h5wasm.Dataset && found.shape !== null) return found;
    throw new ZooError('openZoo', {
      file: this.#file,
      at: path,
      expected: 'a dataset',
      found: found === null ? 'nothing' : 'something else',
      remedy: 'this is no zoo file of this version: generate it again',
    });
  }
}

function joined(parts: readonly H5Array[]): H5Array {
  if (parts.length === 1) return parts[0]!;
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const make = (parts[0]?.constructor ?? Float32Array) as new (length: number) => H5Array;
  const data = new make(size);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}
