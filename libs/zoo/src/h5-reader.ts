/**
 * @file Reads HDF5 files made by others: every group, attribute and dataset, with the dtype that it is stored in.
 *
 * The files may be damaged or hostile. HDF5's complaints become ZooErrors in place of pages on the terminal; links to
 * other files are not followed; and sizes are looked at before memory is taken.
 */
import { statSync } from 'node:fs';

import { sizeOf } from '@weightspace/compute';
import h5wasm from 'h5wasm/node';

import { guarded, problem } from './h5-guard.ts';
import { checkSignature } from './h5-signature.ts';

type Module = Awaited<typeof h5wasm.ready>;
type Metadata = ReturnType<Module['get_dataset_metadata']>;

/** The numbers of a dataset, by NumPy's names; `opaque16` is two bytes that only an attribute can explain. */
export type H5Type =
  | `float${16 | 32 | 64}`
  | `int${8 | 16 | 32 | 64}`
  | `uint${8 | 16 | 32 | 64}`
  | 'bool'
  | 'complex64'
  | 'complex128'
  | 'opaque16';

export type H5Attribute = string | readonly string[] | number | bigint | ArrayLike<number | bigint>;

export interface H5Item {
  /** From the root, with a slash in front. */
  readonly path: string;
  readonly kind: 'group' | 'dataset' | 'link' | 'other';
}

/** What a dataset is; `type` is undefined where it holds no plain numbers, and `note` says what it holds instead. */
export interface H5Facts {
  readonly type: H5Type | undefined;
  readonly shape: readonly number[];
  /** Bytes of all its values. */
  readonly bytes: number;
  readonly chunks: readonly number[] | undefined;
  readonly note: string | undefined;
}

const DEPTH_LIMIT = 32;
/** A group or dataset takes more bytes of a file than this; where there are more of them, one group contains itself. */
const BYTES_PER_ITEM = 24;
const ITEM_LIMIT = 100_000;
const ATTRIBUTE_LIMIT = 2 ** 26;
/** A read goes through the wasm heap, which never shrinks: in pieces of about this many bytes. */
const PIECE = 2 ** 26;
const ROW_LIMIT = 2 ** 28;
/** Node's largest array of bytes. */
const ARRAY_LIMIT = 2 ** 32;
const LOOP = 'more: a group contains itself';
/** HDF5's classes of types. */
const [INTEGER, FLOAT, STRING, OPAQUE, COMPOUND, REFERENCE, ENUM] = [0, 1, 3, 5, 6, 7, 8];
const [GROUP, DATASET] = [0, 1];

/** An open file; close it when done. */
export class H5Reader {
  readonly file: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly #module: Module;
  readonly #id: bigint;
  #open = true;

  private constructor(file: string, module: Module, id: bigint) {
    this.file = file;
    this.size = statSync(file).size;
    this.#module = module;
    this.#id = id;
  }

  /** @throws {ZooError} when it is missing, no HDF5, or damaged */
  static async open(file: string): Promise<H5Reader> {
    const module = await h5wasm.ready;
    checkSignature('openH5', file);
    const id = guarded(module, file, undefined, () => new h5wasm.File(file, 'r').file_id);
    if (typeof id !== 'bigint' || id < 0n)
      throw problem(file, undefined, 'a whole HDF5 file', 'one that HDF5 cannot open');
    return new H5Reader(file, module, id);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#guarded(undefined, () => this.#module.close_file(this.#id));
  }

  /**
   * Everything below a group, each group before what is in it. Links are named but not followed: soft ones lead to what
   * has a name of its own, and external ones to other files.
   *
   * @throws {ZooError} when groups are nested deeper than 32, or more than the file has room for, as they are when
   *   one contains itself
   */
  walk(root = '/'): H5Item[] {
    const items: H5Item[] = [];
    const limit = Math.min(ITEM_LIMIT, Math.floor(this.size / BYTES_PER_ITEM));
    const visit = (group: string, depth: number): void => {
      if (depth > DEPTH_LIMIT)
        throw problem(this.file, group.slice(0, 80), `at most ${DEPTH_LIMIT} groups in each other`, LOOP);
      for (const name of this.#names(group)) {
        const path = group === '/' ? `/${name}` : `${group}/${name}`;
        const kind = this.#kindOf(path);
        items.push({ path, kind });
        if (items.length > limit)
          throw problem(this.file, group, `at most ${limit} groups and datasets in a file of ${this.size} bytes`, LOOP);
        if (kind === 'group') visit(path, depth + 1);
      }
    };
    visit(root, 0);
    return items;
  }

  attributeNames(path: string): string[] {
    return this.#guarded(path, () => this.#module.get_attribute_names(this.#id, path));
  }

  /** A text, texts, a number or numbers; undefined when there is none of that name, or it is of another kind. */
  attribute(path: string, name: string): H5Attribute | undefined {
    const at = `${path} attribute ${name}`;
    return this.#guarded(at, () => {
      if (!this.#module.get_attribute_names(this.#id, path).includes(name)) return undefined;
      const { type, size, total_size: count, shape } = this.#module.get_attribute_metadata(this.#id, path, name);
      if (!shape || ![INTEGER, FLOAT, STRING].includes(type) || (type === FLOAT && size < 4)) return undefined;
      if (!(size * count <= ATTRIBUTE_LIMIT))
        throw problem(this.file, at, `at most ${ATTRIBUTE_LIMIT} bytes`, `${size * count}`);
      const value = new h5wasm.Group(this.#id, path).get_attribute(name, false);
      return (value ?? undefined) as H5Attribute | undefined;
    });
  }

  /** What a dataset is, without its values. */
  facts(path: string): H5Facts {
    const metadata = this.#guarded(path, () => this.#module.get_dataset_metadata(this.#id, path));
    const shape = metadata.shape ?? [];
    const type = metadata.shape ? typeOf(metadata) : undefined;
    const external = metadata.virtual_sources ? 'values that are in other datasets' : undefined;
    const note = external ?? (type === undefined ? noteOf(metadata) : undefined);
    const bytes = metadata.size * sizeOf(shape);
    return { type: external ? undefined : type, shape, bytes, chunks: metadata.chunks ?? undefined, note };
  }

  /**
   * All values of a dataset, little-endian and row-major.
   *
   * @throws {ZooError} when it is damaged, or compressed by something other than gzip
   */
  read(path: string): Uint8Array {
    const { shape, bytes, chunks } = this.facts(path);
    const width = sizeOf(shape) === 0 ? 0 : bytes / sizeOf(shape);
    const chunk = chunks ? sizeOf(chunks) * width : 0;
    const [rows = 1, ...rest] = shape;
    const row = sizeOf(rest) * width;
    if (chunk > ROW_LIMIT || row > ROW_LIMIT)
      throw problem(this.file, path, `pieces of at most ${ROW_LIMIT} bytes`, `${Math.max(chunk, row)}`);
    if (bytes >= ARRAY_LIMIT)
      throw problem(this.file, path, `less than ${ARRAY_LIMIT} bytes`, `${bytes}`, 'cut the dataset into smaller ones');
    const target = new Uint8Array(bytes);
    if (bytes === 0) return target;
    const step = shape.length === 0 ? 1 : Math.max(1, Math.floor(PIECE / row));
    for (let from = 0; from < rows; from += step) {
      const count = Math.min(step, rows - from);
      target.set(this.#slice(path, shape, from, count, count * row), from * row);
    }
    return target;
  }

  #slice(path: string, shape: readonly number[], from: number, rows: number, bytes: number): Uint8Array {
    const module = this.#module;
    const pointer = this.#guarded(path, () => module._malloc(bytes));
    if (pointer === 0) throw problem(this.file, path, `${bytes} bytes of memory`, 'too little');
    try {
      const count = shape.length === 0 ? null : shape.map((size, axis) => BigInt(axis === 0 ? rows : size));
      const offset = shape.length === 0 ? null : shape.map((_, axis) => BigInt(axis === 0 ? from : 0));
      const strides = shape.length === 0 ? null : shape.map(() => 1n);
      const status = this.#guarded(path, () =>
        module.get_dataset_data(this.#id, path, count, offset, strides, BigInt(pointer)),
      );
      if (status < 0) throw problem(this.file, path, 'values that can be read', 'an error of HDF5');
      return module.HEAPU8.slice(pointer, pointer + bytes);
    } finally {
      module._free(pointer);
    }
  }

  #names(group: string): string[] {
    return this.#guarded(group, () => this.#module.get_names(this.#id, group, false)) ?? [];
  }

  /** Looks at the link before what it leads to, so that no other file is opened. */
  #kindOf(path: string): H5Item['kind'] {
    return this.#guarded(path, () => {
      if (this.#module.get_external_link(this.#id, path).filename !== undefined) return 'link';
      if ((this.#module.get_symbolic_link(this.#id, path) as string | null) !== null) return 'link';
      const type = this.#module.get_type(this.#id, path);
      if (type === GROUP) return 'group';
      return type === DATASET ? 'dataset' : 'other';
    });
  }

  #guarded<T>(at: string | undefined, act: () => T): T {
    if (!this.#open && at !== undefined)
      throw problem(this.file, at, 'an open file', 'one that was closed', 'read before you close it');
    return guarded(this.#module, this.file, at, act);
  }
}

function typeOf(metadata: Metadata): H5Type | undefined {
  const { type, size, signed, enum_type: names } = metadata;
  if (type === INTEGER && [1, 2, 4, 8].includes(size)) return `${signed ? '' : 'u'}int${(8 * size) as 8}`;
  if (type === FLOAT && [2, 4, 8].includes(size)) return `float${(8 * size) as 16}`;
  if (type === OPAQUE && size === 2) return 'opaque16';
  if (type === ENUM && size === 1 && names?.members['FALSE'] === 0 && names.members['TRUE'] === 1) return 'bool';
  return type === COMPOUND ? complexOf(metadata) : undefined;
}

/** h5py's complex numbers: a record of two floats r and i. */
function complexOf({ size, compound_type: record }: Metadata): H5Type | undefined {
  const [real, imaginary, ...more] = record?.members ?? [];
  const isPair = real?.name === 'r' && imaginary?.name === 'i' && more.length === 0;
  const isPlain = [real, imaginary].every(
    (part) => part?.type === FLOAT && 2 * part.size === size && part.littleEndian,
  );
  if (!isPair || !isPlain) return undefined;
  if (size === 8) return 'complex64';
  return size === 16 ? 'complex128' : undefined;
}

function noteOf({ type, shape }: Metadata): string {
  if (!shape) return 'nothing: an empty dataset';
  const notes: { readonly [type: number]: string } = {
    [STRING]: 'texts',
    [OPAQUE]: 'opaque bytes',
    [COMPOUND]: 'records',
    [REFERENCE]: 'references',
    [ENUM]: 'named values',
  };
  return notes[type] ?? `values of HDF5's class ${type}`;
}
