/** @file HDF5: Keras's .h5 of both layouts, the weights inside .keras, and any other file of datasets. */
import { mkdtempSync, openSync, rmSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { H5Attribute, H5Facts, H5Reader, ZooError } from '@weightspace/zoo';

import type { CheckpointContents, SkippedItem } from '../checkpoint.ts';
import { CheckpointError, fileError, show } from '../checkpoint-error.ts';
import type { TensorDType } from '../dtypes.ts';
import { isShape } from '../dtypes.ts';
import { DerivedSource } from '../io/byte-source.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { parseJson, readJson } from '../io/json.ts';
import type { Zip } from '../io/zip.ts';
import { NameTable } from '../names.ts';
import { CheckpointTensor } from '../tensor.ts';

export const H5_SIGNATURE = Uint8Array.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);
const KERAS_WEIGHTS = 'model.weights.h5';
const COPY_PIECE = 2 ** 24;

/** HDF5 is loaded where a file needs it: it takes a tenth of a second and more. */
const openH5 = async (file: string): Promise<H5Reader> => (await import('@weightspace/zoo')).H5Reader.open(file);

/** A .h5 file: the layout with `layer_names`, else every dataset by its path. */
export async function readH5Checkpoint(source: ByteSource, expansionLimit: number): Promise<CheckpointContents> {
  const h5 = await inOurWords(source.file, () => openH5(source.file));
  return closingOnFailure(h5, source.file, () => new H5Tensors(h5, source, expansionLimit).contents());
}

/**
 * A .keras file: a zip of config.json, metadata.json and model.weights.h5.
 *
 * HDF5 reads files only, so the weights are copied to the system's folder for temporary files; the copy has no name any
 * more once it is open, and vanishes when the checkpoint is closed or the process ends.
 */
export async function readKerasArchive(
  source: ByteSource,
  zip: Zip,
  expansionLimit: number,
): Promise<CheckpointContents> {
  const open = (name: string) => {
    const entry = zip.entries.get(name);
    return entry && zip.open(entry);
  };
  const weights = open(KERAS_WEIGHTS)!;
  const config = open('config.json');
  const metadata = open('metadata.json');
  const h5 = await openCopy(weights);
  return closingOnFailure(h5, source.file, () => {
    const { tensors, skipped, close } = new H5Tensors(h5, weights, expansionLimit).contents();
    const texts = metadata && textsOf(readJson(metadata, 'metadata'));
    const model = config && readJson(config, 'the configuration');
    return { format: 'keras', tensors, skipped, close, config: model, metadata: texts ?? {} } as CheckpointContents;
  });
}

export const isKerasArchive = (zip: Zip): boolean => zip.entries.has(KERAS_WEIGHTS);

const textsOf = (json: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(json ?? {}).map(([key, value]) => [key, show(value, 1000)]));

async function openCopy(weights: ByteSource): Promise<H5Reader> {
  const folder = mkdtempSync(join(tmpdir(), 'keras-'));
  const copy = join(folder, KERAS_WEIGHTS);
  try {
    copyTo(weights, copy);
    return await inOurWords(weights.file, () => openH5(copy), `entry '${KERAS_WEIGHTS}'`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function copyTo(source: ByteSource, file: string): void {
  // What has to be inflated is inflated once.
  const piece = source instanceof DerivedSource ? Math.max(1, source.size) : COPY_PIECE;
  const fd = openSync(file, 'wx', 0o600);
  try {
    for (let at = 0; at < source.size; at += piece) {
      const bytes = source.read(at, Math.min(piece, source.size - at));
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
    }
  } catch (cause) {
    throw cause instanceof CheckpointError ? cause : fileError(source.file, 'space for a copy of its weights', cause);
  } finally {
    closeSync(fd);
  }
}

/** @param file as it is told in errors: the reader's own may be a copy */
async function closingOnFailure<T>(h5: H5Reader, file: string, act: () => T): Promise<T> {
  try {
    return await inOurWords(file, () => Promise.resolve().then(act));
  } catch (error) {
    try {
      h5.close();
    } catch {
      // A damaged file may refuse even that; the first error says more.
    }
    throw error;
  }
}

/** A ZooError as a CheckpointError. */
async function inOurWords<T>(file: string, act: () => Promise<T>, at?: string): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw translated(file, error, at);
  }
}

const isZooError = (error: unknown): error is ZooError => error instanceof Error && error.name === 'ZooError';

function translated(file: string, error: unknown, at?: string): unknown {
  if (!isZooError(error)) return error;
  const { expected, found, remedy } = error.problem;
  const place = [at, error.problem.at].filter((part) => part !== undefined).join(', ');
  return new CheckpointError({ file, at: place === '' ? undefined : place, expected, found, remedy }, { cause: error });
}

/** The datasets of an open HDF5 file as tensors. */
class H5Tensors {
  readonly #h5: H5Reader;
  readonly #source: ByteSource;
  readonly #expansionLimit: number;
  readonly #names = new NameTable('/');
  readonly #tensors: CheckpointTensor[] = [];
  readonly #skipped: SkippedItem[] = [];

  constructor(h5: H5Reader, source: ByteSource, expansionLimit: number) {
    this.#h5 = h5;
    this.#source = source;
    this.#expansionLimit = expansionLimit;
  }

  contents(): CheckpointContents {
    const text = this.#text('/', 'model_config');
    const config = text === undefined ? undefined : parseJson(this.#source, text, 'model_config');
    const items = this.#h5.walk();
    const paths = new Set(items.map(({ path }) => path));
    const root = ['/model_weights', '/'].find((path) => this.#texts(path, 'layer_names', paths) !== undefined);
    if (root !== undefined) this.#addLayers(root, paths);
    for (const { path, kind } of items) {
      if (kind === 'dataset' && !this.#done.has(path)) this.#add(path, path.slice(1));
      if (kind === 'link' || kind === 'other')
        this.#skipped.push({ name: path.slice(1), reason: `a ${kind === 'link' ? 'link' : 'type'}` });
    }
    const keras = root !== undefined || config !== undefined || [...paths].some((path) => /\/vars\/\d+$/.test(path));
    return {
      format: keras ? 'keras-h5' : 'hdf5',
      tensors: this.#tensors,
      skipped: this.#skipped,
      metadata: this.#metadata(),
      config,
      close: () => this.#h5.close(),
    };
  }

  readonly #done = new Set<string>();

  /** Weights in the order of the layers, by the names that Keras gives them. */
  #addLayers(root: string, paths: ReadonlySet<string>): void {
    const prefix = root === '/' ? '' : root;
    for (const layer of this.#texts(root, 'layer_names', paths) ?? []) {
      const group = `${prefix}/${layer}`;
      for (const weight of this.#texts(group, 'weight_names', paths) ?? []) {
        const path = `${group}/${weight}`;
        if (!paths.has(path))
          this.#source.fail({ at: show(group), expected: `the weight '${show(weight)}' that it lists`, found: 'none' });
        if (!this.#done.has(path)) this.#add(path, weight, `${layer}/${weight}`);
      }
    }
  }

  #add(path: string, name: string, longer = name): void {
    this.#done.add(path);
    const facts = this.#h5.facts(path);
    const { shape, note, bytes } = facts;
    const unique = this.#names.takeEither([name], [longer]);
    const dtype = this.#dtypeOf(path, facts);
    if (dtype === undefined) {
      this.#skipped.push({ name: unique, reason: note ?? 'values of a type that is not read' });
      return;
    }
    if (!isShape(shape) || bytes - this.#h5.size > this.#expansionLimit) {
      this.#source.fail({
        at: path,
        expected: `a dataset of at most ${this.#expansionLimit} bytes more than the file`,
        found: `${dtype} [${shape.join(', ')}]`,
        remedy: 'if you trust the file, raise expansionLimit',
      });
    }
    const file = this.#source.file;
    this.#tensors.push(new CheckpointTensor(file, { name: unique, dtype, shape, at: path }, () => this.#read(path)));
  }

  #read(path: string): Uint8Array {
    try {
      return this.#h5.read(path);
    } catch (error) {
      throw translated(this.#source.file, error);
    }
  }

  /** Keras 3 stores bfloat16 as opaque pairs of bytes, and says so in an attribute. */
  #dtypeOf(path: string, { type }: H5Facts): TensorDType | undefined {
    if (type !== 'opaque16') return type;
    return this.#text(path, 'dtype') === 'bfloat16' ? 'bfloat16' : undefined;
  }

  #metadata(): Record<string, string> {
    const scalars = this.#h5.attributeNames('/').slice(0, 1000);
    return Object.fromEntries(
      scalars.flatMap((name) => {
        const value = name === 'model_config' ? undefined : this.#h5.attribute('/', name);
        const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
        return plain ? [[name, String(value)] as const] : [];
      }),
    );
  }

  #text(path: string, name: string): string | undefined {
    const value = this.#h5.attribute(path, name);
    return typeof value === 'string' ? value : undefined;
  }

  /** A list of texts; Keras splits long ones into `name0`, `name1`, … */
  #texts(path: string, name: string, paths: ReadonlySet<string>): string[] | undefined {
    if (path !== '/' && !paths.has(path)) return undefined;
    const whole = textList(this.#h5.attribute(path, name));
    if (whole) return whole;
    const parts: string[] = [];
    for (let i = 0; ; i++) {
      const part = textList(this.#h5.attribute(path, `${name}${i}`));
      if (!part) return i === 0 ? undefined : parts;
      parts.push(...part);
    }
  }
}

function textList(value: H5Attribute | undefined): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value as readonly unknown[];
  return items.every((item) => typeof item === 'string') ? [...items] : undefined;
}
