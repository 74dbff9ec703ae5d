/** @file The names that a PyTorch checkpoint may have in its pickle, and the inert values that they make. */
import type { TensorDType } from '../dtypes.ts';
import { ELEMENT_BYTES, isShape, isTensorDType } from '../dtypes.ts';
import { extent } from '../strided.ts';
import { isSettingsClass, isTypeName, PickleInstance } from './objects.ts';
import { kindOf, PickleGlobal, PickleObject, PickleRefusal } from './pickle.ts';
import type { PickleTable, PickleValue } from './pickle.ts';

/** Numbers in a row, of which tensors are views. */
export class TorchStorage extends PickleObject {
  readonly key: string;
  /** Undefined for a storage without a dtype of its own, and for quantized numbers. */
  readonly dtype: TensorDType | undefined;
  readonly length: number;
  readonly bytes: number;

  constructor(key: string, dtype: TensorDType | undefined, length: number, width: number) {
    super();
    this.key = key;
    this.dtype = dtype;
    this.length = length;
    this.bytes = length * width;
  }
}

/** A view on a storage. */
export class TorchTensor extends PickleObject {
  readonly storage: TorchStorage;
  readonly dtype: TensorDType;
  /** In elements. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: TorchStorage, dtype: TensorDType, offset: number, shape: number[], strides: number[]) {
    super();
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A tensor of a kind that isn't read, such as a quantized or a sparse one. */
export class TorchUnread extends PickleObject {
  readonly reason: string;

  constructor(reason: string) {
    super();
    this.reason = reason;
  }
}

const STORAGES: { readonly [name: string]: TensorDType } = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
};
/** Bytes per element of storages that are passed over. */
const UNREAD_STORAGES: { readonly [name: string]: number } = { QInt8Storage: 1, QUInt8Storage: 1, QInt32Storage: 4 };
/** Their length is in bytes. */
const UNTYPED = ['torch.storage.UntypedStorage', 'torch.UntypedStorage'];
const STORAGE_PATTERN = /^torch\.(?:cuda\.)?([A-Za-z\d]+Storage)$/;
/** `torch.float32` and the like; `torch.float` and so on are the same objects and pickled by these names. */
const DTYPE_PATTERN = /^torch\.([a-z\d_]+)$/;

/** What becomes of a class that isn't on the list: the file is refused, or its objects are values that do nothing. */
export type UnknownClasses = 'refuse' | 'inert';

type Call = (args: readonly PickleValue[]) => PickleValue;

/** What may be called. Each takes plain values and makes plain values. */
const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ['collections.OrderedDict', ([items = null]) => mapOf(items)],
  ['collections.defaultdict', () => new Map()],
  ['collections.Counter', ([items = null]) => mapOf(items)],
  ['builtins.set', ([items]) => new Set(listOf(items))],
  ['__builtin__.set', ([items]) => new Set(listOf(items))],
  ['builtins.complex', ([real, imaginary]) => `${scalarText(real)}+${scalarText(imaginary)}j`],
  ['_codecs.encode', ([text]) => (typeof text === 'string' ? Buffer.from(text, 'latin1') : null)],
  ['torch.Size', ([sizes]) => [...listOf(sizes)]],
  ['torch.device', (args) => args.map(scalarText).join(':')],
  ['torch._utils._rebuild_tensor', ([storage, offset, shape, strides]) => view(storage, offset, shape, strides)],
  ['torch._utils._rebuild_tensor_v2', ([storage, offset, shape, strides]) => view(storage, offset, shape, strides)],
  ['torch._utils._rebuild_tensor_v3', (args) => view(args[0], args[1], args[2], args[3], dtypeOf(args[6]))],
  ['torch._utils._rebuild_parameter', ([tensor]) => tensorOf(tensor)],
  ['torch._utils._rebuild_parameter_with_state', ([tensor]) => tensorOf(tensor)],
  ['torch._utils._rebuild_qtensor', () => new TorchUnread('a quantized tensor; save it dequantized')],
  ['torch._utils._rebuild_sparse_tensor', () => new TorchUnread('a sparse tensor; save it with to_dense()')],
  ['torch._utils._rebuild_sparse_csr_tensor', () => new TorchUnread('a sparse tensor; save it with to_dense()')],
  ['torch._utils._rebuild_meta_tensor_no_storage', () => new TorchUnread('a meta tensor, which has no values')],
  ['torch.serialization._get_layout', ([name]) => scalarText(name)],
  ['numpy.dtype', ([name]) => scalarText(name)],
  ['numpy.core.multiarray.scalar', ([dtype, bytes]) => numpyScalar(dtype, bytes)],
  ['numpy._core.multiarray.scalar', ([dtype, bytes]) => numpyScalar(dtype, bytes)],
]);

/** Names that may stand in a pickle but not be called. */
const NAMES = new Set([
  ...['per_tensor_affine', 'per_channel_affine', 'strided', 'sparse_coo', 'preserve_format'].map((x) => `torch.${x}`),
  ...['list', 'dict', 'int', 'float', 'bool', 'str', 'tuple'].flatMap((x) => [`builtins.${x}`, `__builtin__.${x}`]),
]);

/** For PyTorch's checkpoints; storages are remembered by their key, so that shared ones are one. */
export class TorchTable implements PickleTable {
  readonly storages = new Map<string, TorchStorage>();
  readonly #unknown: UnknownClasses;

  constructor(unknown: UnknownClasses = 'refuse') {
    this.#unknown = unknown;
  }

  allows(path: string): boolean {
    if (this.#unknown === 'inert' || isSettingsClass(path) || isTypeName(path)) return true;
    return CALLS.has(path) || NAMES.has(path) || isStorage(path) || dtypeNamed(path) !== undefined;
  }

  call(path: string, args: readonly PickleValue[]): PickleValue {
    const call = CALLS.get(path);
    if (!call && (this.#unknown === 'inert' || isSettingsClass(path))) return new PickleInstance(path, args);
    if (!call) throw new PickleRefusal('a call of a function that is read', `one of ${path}`);
    return call(args);
  }

  persistent(id: PickleValue): PickleValue {
    const [kind, type, key, , length, view] = Array.isArray(id) ? id : [];
    const known = kind === 'storage' && type instanceof PickleGlobal && isStorage(type.path);
    if (!known || typeof key !== 'string' || !isCount(length))
      throw new PickleRefusal("the id of a storage: ('storage', class, key, place, length)", kindOf(id));
    if (view !== undefined && view !== null)
      throw new PickleRefusal('a whole storage, as every PyTorch since 0.4 writes', `a part of storage ${key}`);
    const dtype = dtypeOfStorage(type.path);
    const width = dtype === undefined ? (UNREAD_STORAGES[storageName(type.path)] ?? 1) : ELEMENT_BYTES[dtype];
    const storage = new TorchStorage(key, dtype, length, width);
    const before = this.storages.get(key);
    if (!before) this.storages.set(key, storage);
    if (before && (before.length !== length || before.dtype !== storage.dtype))
      throw new PickleRefusal(`${before.length} elements in storage ${key}, as before`, `${length}`);
    return before ?? storage;
  }
}

const isCount = (value: PickleValue | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const storageName = (path: string): string => STORAGE_PATTERN.exec(path)?.[1] ?? '';
const isStorage = (path: string): boolean =>
  UNTYPED.includes(path) ||
  Object.hasOwn(STORAGES, storageName(path)) ||
  Object.hasOwn(UNREAD_STORAGES, storageName(path));

function dtypeOfStorage(path: string): TensorDType | undefined {
  const name = storageName(path);
  return Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined;
}

function dtypeNamed(path: string): TensorDType | 'unread' | undefined {
  const [, name = ''] = DTYPE_PATTERN.exec(path) ?? [];
  if (isTensorDType(name)) return name;
  return /^(q?u?int\d+|float8_[a-z\d]+|complex32|quint4x2|quint2x4)$/.test(name) ? 'unread' : undefined;
}

function dtypeOf(value: PickleValue | undefined): TensorDType {
  const found = value instanceof PickleGlobal ? dtypeNamed(value.path) : undefined;
  if (found === undefined || found === 'unread') throw new PickleRefusal('a dtype that is read', kindOf(value));
  return found;
}

/** A text for a plain value; containers, which may contain themselves, are only named. */
const scalarText = (value: PickleValue | undefined): string =>
  typeof value === 'object' ? kindOf(value) : String(value);

const listOf = (value: PickleValue | undefined): PickleValue[] => (Array.isArray(value) ? value : []);

function mapOf(items: PickleValue): Map<PickleValue, PickleValue> {
  if (items instanceof Map) return new Map(items);
  return new Map(listOf(items).map((pair) => [listOf(pair)[0] ?? null, listOf(pair)[1] ?? null]));
}

function tensorOf(value: PickleValue | undefined): PickleValue {
  if (value instanceof TorchTensor || value instanceof TorchUnread) return value;
  throw new PickleRefusal('a tensor', kindOf(value));
}

function view(
  storage: PickleValue | undefined,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
  dtype = storage instanceof TorchStorage ? storage.dtype : undefined,
): PickleValue {
  if (!(storage instanceof TorchStorage)) throw new PickleRefusal('a storage', kindOf(storage));
  if (dtype === undefined) return new TorchUnread('a tensor on a storage of a dtype that is not read');
  const [sizes, steps] = [listOf(shape), listOf(strides)];
  if (!isShape(sizes) || !steps.every(isCount) || steps.length !== sizes.length || !isCount(offset))
    throw new PickleRefusal('a shape with a stride for each axis', `${showList(shape)} with ${showList(strides)}`);
  const elements = storage.bytes / ELEMENT_BYTES[dtype];
  const last = offset + extent(sizes, steps);
  if (!(last <= elements))
    throw new PickleRefusal(`a view within its ${elements} elements`, `one of ${showList(shape)} up to ${last}`);
  return new TorchTensor(storage, dtype, offset, [...sizes], [...steps]);
}

const showList = (value: PickleValue | undefined): string =>
  Array.isArray(value) ? `(${value.slice(0, 8).map(scalarText).join(', ')})` : kindOf(value);

/** Numbers that training scripts save, such as the best loss: their bits as a number, where that is simple. */
function numpyScalar(dtype: PickleValue | undefined, bytes: PickleValue | undefined): PickleValue {
  if (!(bytes instanceof Uint8Array)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'f8' && bytes.length === 8) return view.getFloat64(0, true);
  if (dtype === 'f4' && bytes.length === 4) return view.getFloat32(0, true);
  if (dtype === 'i8' && bytes.length === 8) return view.getBigInt64(0, true);
  return bytes;
}
