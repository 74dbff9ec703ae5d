/** @file PyTorch's checkpoints, the zip of today and the pickles of before 1.6, without executing anything. */
import type { CheckpointContents, CheckpointFormat, SkippedItem } from '../checkpoint.ts';
import { gather, extent, isRowMajor } from '../strided.ts';
import { swapBytes } from '../decode.ts';
import { ELEMENT_BYTES } from '../dtypes.ts';
import { Section } from '../io/byte-source.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { Cursor } from '../io/cursor.ts';
import type { Zip } from '../io/zip.ts';
import { checkNesting, MetadataTable, NameTable } from '../names.ts';
import { PickleInstance, plainOf } from '../pickle/objects.ts';
import { kindOf, PickleMachine } from '../pickle/pickle.ts';
import type { PickleValue } from '../pickle/pickle.ts';
import { TorchTable, TorchTensor, TorchUnread } from '../pickle/torch-table.ts';
import type { TorchStorage, UnknownClasses } from '../pickle/torch-table.ts';
import { CheckpointTensor } from '../tensor.ts';

/** A state dict of 300,000 tensors has a pickle of about 64 MB. */
const PICKLE_LIMIT = 2 ** 26;
/** Python's number 0x1950a86a20f9469cfc6c as a pickle of its own: the first of the old format's pickles. */
export const LEGACY_MAGIC = Uint8Array.from([
  0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
]);
const LEGACY_VERSION = 1001;
/** Most objects and containers in each other. */
const OBJECT_LIMIT = 256;

/** Where the bytes of each storage are. */
type Storages = (storage: TorchStorage) => ByteSource;

/** The folder in the zip that holds `data.pkl`, with a slash at the end; undefined when this is no PyTorch file. */
export function torchFolder(zip: Zip): string | undefined {
  const pickle = [...zip.entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name) || name === 'data.pkl');
  return pickle?.slice(0, -'data.pkl'.length);
}

export function readTorchZip(
  zip: Zip,
  folder: string,
  expansionLimit: number,
  unknown: UnknownClasses,
): CheckpointContents {
  // PyTorch can be told to leave the checksums out, so stored entries aren't compared with them.
  const open = (name: string) => {
    const entry = zip.entries.get(`${folder}${name}`);
    return entry && zip.open(entry, false);
  };
  const pickle = open('data.pkl')!;
  if (pickle.size > PICKLE_LIMIT)
    pickle.fail({ expected: `a pickle of at most ${PICKLE_LIMIT} bytes`, found: `${pickle.size}` });
  const table = new TorchTable(unknown);
  const root = new PickleMachine(new Cursor(pickle), table).run();
  const order = open('byteorder');
  const bigEndian =
    order !== undefined && order.size < 16 && Buffer.from(order.read(0, order.size)).toString() === 'big';
  const storages: Storages = (storage) => {
    const data = open(`data/${storage.key}`);
    if (!data) return pickle.fail({ expected: `an entry data/${storage.key} for a storage`, found: 'none' });
    if (data.size < storage.bytes)
      data.fail({ offset: 0, expected: `${storage.bytes} bytes in storage ${storage.key}`, found: `${data.size}` });
    return data;
  };
  return new TensorTree(pickle, storages, expansionLimit, bigEndian).collect('pytorch', root);
}

/** Four pickles, then for each storage its length and its bytes. */
export function readTorchLegacy(
  source: ByteSource,
  expansionLimit: number,
  unknown: UnknownClasses,
): CheckpointContents {
  const table = new TorchTable(unknown);
  const cursor = new Cursor(source, LEGACY_MAGIC.length);
  const next = () => new PickleMachine(cursor, table).run();
  const version = next();
  if (version !== LEGACY_VERSION)
    cursor.fail({ expected: `version ${LEGACY_VERSION} of the old format`, found: kindOf(version) });
  next();
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) return cursor.fail({ expected: 'a list of storages', found: kindOf(keys) });
  const places = new Map<string, number>();
  for (const key of keys) places.set(String(key), passStorage(cursor, table, key));
  const storages: Storages = (storage) => {
    const offset = places.get(storage.key);
    if (offset === undefined) return source.fail({ expected: `the storage ${storage.key}`, found: 'none of that key' });
    return new Section(source, offset, storage.bytes, `storage ${storage.key}`);
  };
  return new TensorTree(source, storages, expansionLimit, false).collect('pytorch-legacy', root);
}

/** @returns the byte at which a storage's data begins; the cursor goes behind it */
function passStorage(cursor: Cursor, table: TorchTable, key: PickleValue): number {
  const storage = typeof key === 'string' ? table.storages.get(key) : undefined;
  if (!storage) return cursor.fail({ expected: 'the key of a storage that a tensor uses', found: kindOf(key) });
  const start = cursor.position;
  const length = cursor.u64(true);
  if (length !== BigInt(storage.length))
    cursor.fail({
      offset: start,
      expected: `${storage.length} elements in storage ${storage.key}`,
      found: `${length}`,
    });
  const offset = cursor.position;
  cursor.skip(storage.bytes);
  return offset;
}

/** A plain pickle holds no tensors of PyTorch; it is read only to say what it would do. */
export function refusePlainPickle(source: ByteSource): never {
  const value = new PickleMachine(new Cursor(source), new TorchTable()).run();
  return source.fail({
    offset: 0,
    expected: 'a checkpoint',
    found: `a plain pickle of ${kindOf(value)}`,
    remedy: 'save tensors with torch.save(model.state_dict(), file) or numpy.savez',
  });
}

/** Finds the tensors in nested containers and names them by their keys. */
class TensorTree {
  readonly #source: ByteSource;
  readonly #storages: Storages;
  readonly #expansionLimit: number;
  readonly #bigEndian: boolean;
  readonly #names = new NameTable('.');
  readonly #metadata = new MetadataTable();
  readonly #tensors: CheckpointTensor[] = [];
  readonly #skipped: SkippedItem[] = [];
  /** Containers on the way from the root, to find cycles. */
  readonly #open = new Set<PickleValue>();
  /** A pickle may share one list a million times; every visit counts. */
  #visits = 0;

  constructor(source: ByteSource, storages: Storages, expansionLimit: number, bigEndian: boolean) {
    this.#source = source;
    this.#storages = storages;
    this.#expansionLimit = expansionLimit;
    this.#bigEndian = bigEndian;
  }

  collect(format: CheckpointFormat, root: PickleValue): CheckpointContents {
    this.#visit(root, []);
    return { format, tensors: this.#tensors, skipped: this.#skipped, metadata: this.#metadata.toRecord() };
  }

  #visit(value: PickleValue, path: readonly string[]): void {
    if (++this.#visits > 5e6) this.#source.fail({ expected: 'at most 5 million values', found: 'more' });
    if (value instanceof TorchTensor) this.#add(value, path.length > 0 ? path : ['tensor']);
    else if (value instanceof TorchUnread) this.#skipped.push({ name: path.join('.'), reason: value.reason });
    else if (value instanceof PickleInstance) this.#object(value, path);
    else if (value instanceof Map) this.#within(value, path, [...value]);
    else if (Array.isArray(value))
      this.#within(
        value,
        path,
        value.map((item, i) => [i, item]),
      );
    else if (isScalar(value)) this.#metadata.add(path, value);
  }

  /** What an object says; one that refers back to itself, as settings to the settings that hold them, is told once. */
  #object(value: PickleInstance, path: readonly string[]): void {
    const plain = plainOf(value);
    if (plain === undefined || this.#open.has(value)) return;
    if (this.#open.size > OBJECT_LIMIT)
      this.#source.fail({ expected: `at most ${OBJECT_LIMIT} objects in each other`, found: 'more' });
    this.#open.add(value);
    this.#visit(plain, path);
    this.#open.delete(value);
  }

  #within(container: PickleValue, path: readonly string[], items: [PickleValue, PickleValue][]): void {
    if (this.#open.has(container)) {
      const at = `'${path.slice(0, 6).join('.')}'`;
      this.#source.fail({ at, expected: 'containers that end', found: 'one that contains itself' });
    }
    checkNesting(this.#source.file, path);
    this.#open.add(container);
    // Long lists of numbers, such as the parameters of an optimizer, say nothing.
    const telling = items.length <= 16 || container instanceof Map;
    for (const [key, item] of items) if (telling || !isScalar(item)) this.#visit(item, [...path, keyText(key)]);
    this.#open.delete(container);
  }

  #add(tensor: TorchTensor, path: readonly string[]): void {
    const { dtype, shape, strides, storage, offset } = tensor;
    const name = this.#names.take(path);
    const data = this.#storages(storage);
    const width = ELEMENT_BYTES[dtype];
    const [begin, bytes] = [offset * width, extent(shape, strides) * width];
    this.#checkExpansion(tensor, name, bytes);
    const strided = isRowMajor(shape, strides) ? {} : { strides };
    const order = this.#bigEndian ? { bigEndian: true } : {};
    const { file, base } = data;
    const location = base === undefined ? undefined : { file, offset: base + begin, bytes, ...strided, ...order };
    const facts = { name, dtype, shape, at: `storage ${storage.key}`, location };
    const load = () => {
      const values = gather(data.read(begin, bytes), width, shape, strides);
      return this.#bigEndian ? swapBytes(dtype, values) : values;
    };
    this.#tensors.push(new CheckpointTensor(this.#source.file, facts, load));
  }

  /** A view with stride 0 repeats its elements as often as it likes. */
  #checkExpansion({ dtype, shape }: TorchTensor, name: string, stored: number): void {
    const needed = shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype]);
    if (needed - stored <= this.#expansionLimit) return;
    this.#source.fail({
      at: `tensor '${name}'`,
      expected: `a tensor that grows by at most ${this.#expansionLimit} bytes when its view is written out`,
      found: `one that grows from ${stored} to ${needed}`,
      remedy: 'if you trust the file, raise expansionLimit',
    });
  }
}

/** A key as text; a tuple may be one, in which containers are only named. */
const keyText = (key: PickleValue): string =>
  Array.isArray(key) ? `(${key.slice(0, 16).map(scalarText).join(', ')})` : scalarText(key);
const scalarText = (value: PickleValue): string =>
  typeof value === 'object' && value !== null ? kindOf(value) : String(value);
const isScalar = (value: PickleValue): value is string | number | bigint | boolean =>
  value !== null && typeof value !== 'object';
