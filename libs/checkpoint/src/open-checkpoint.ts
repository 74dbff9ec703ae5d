/** @file Opens a checkpoint of any format; the contents decide which one it is, never the file's name. */
import { basename } from 'node:path';

import { Checkpoint, EXPANSION_LIMIT } from './checkpoint.ts';
import type { CheckpointContents, OpenOptions } from './checkpoint.ts';
import { CheckpointError, show } from './checkpoint-error.ts';
import { readFlaxCheckpoint } from './formats/flax.ts';
import { H5_SIGNATURE, isKerasArchive, readH5Checkpoint, readKerasArchive } from './formats/keras.ts';
import { NPY_MAGIC, readNpyCheckpoint, readNpzCheckpoint } from './formats/npy.ts';
import { readOnnxCheckpoint } from './formats/onnx.ts';
import { readSafetensorsCheckpoint } from './formats/safetensors.ts';
import { readTfjsCheckpoint } from './formats/tfjs.ts';
import { LEGACY_MAGIC, readTorchLegacy, readTorchZip, refusePlainPickle, torchFolder } from './formats/torch.ts';
import { FileSource } from './io/byte-source.ts';
import { Zip } from './io/zip.ts';

const HEAD = 512;
const REMEDY =
  'name a file of safetensors, PyTorch, NumPy, Keras, TensorFlow.js (its model.json), ONNX, or Flax; if it is one, it is damaged';

/**
 * Reads what a checkpoint says of its tensors; their values are read from the file when they are asked for.
 *
 * Formats: safetensors; PyTorch's zip and its format before 1.6, without executing anything; .npy, .npz; Keras's .h5 and
 * .keras, and other HDF5; TensorFlow.js's model.json with shards; ONNX; Flax's msgpack.
 *
 *     const checkpoint = await openCheckpoint('model.pt');
 *     for (const { name, dtype, shape } of checkpoint.tensors) console.log(name, dtype, shape);
 *     const { data } = checkpoint.tensor('layer1.weight').read();
 *
 * @throws {CheckpointError} when the file can't be read, is none of these, is damaged, would take too much memory, or
 *   (a pickle) names something that isn't on the list of harmless names
 */
export async function openCheckpoint(file: string, options: OpenOptions = {}): Promise<Checkpoint> {
  const source = new FileSource(file);
  return new Checkpoint(
    file,
    await read(source, { expansionLimit: EXPANSION_LIMIT, unknownClasses: 'refuse', ...options }),
  );
}

async function read(source: FileSource, options: Required<OpenOptions>): Promise<CheckpointContents> {
  const { expansionLimit } = options;
  const head = source.read(0, Math.min(HEAD, source.size));
  if (head.length === 0) source.fail({ offset: 0, expected: 'a checkpoint', found: 'an empty file', remedy: REMEDY });
  if (startsWith(head, H5_SIGNATURE)) return readH5Checkpoint(source, expansionLimit);
  if (isZip(head)) return readZip(source, options);
  return source.holding(() => readWhole(source, head, options));
}

function readWhole(source: FileSource, head: Uint8Array, options: Required<OpenOptions>): CheckpointContents {
  const { expansionLimit, unknownClasses } = options;
  if (startsWith(head, NPY_MAGIC)) return readNpyCheckpoint(source, basename(source.file).replace(/\.npy$/, ''));
  if (startsWith(head, LEGACY_MAGIC)) return readTorchLegacy(source, expansionLimit, unknownClasses);
  if (isSafetensors(head, source.size)) return readSafetensorsCheckpoint(source);
  if (isPickle(head)) return refusePlainPickle(source);
  if (isJson(head)) return readTfjsCheckpoint(source);
  if (isMsgpackMap(head)) return readFlaxCheckpoint(source);
  if (isOnnx(head)) return readOnnxCheckpoint(source, expansionLimit);
  const found = knownOther(head) ?? `${source.size} bytes that begin with ${hex(head)}`;
  return source.fail({ offset: 0, expected: 'a checkpoint of a known format', found, remedy: REMEDY });
}

async function readZip(source: FileSource, options: Required<OpenOptions>): Promise<CheckpointContents> {
  const { expansionLimit, unknownClasses } = options;
  const zip = source.holding(() => new Zip(source, expansionLimit));
  if (isKerasArchive(zip)) return readKerasArchive(source, zip, expansionLimit);
  return source.holding(() => {
    const folder = torchFolder(zip);
    if (folder !== undefined) return readTorchZip(zip, folder, expansionLimit, unknownClasses);
    const names = [...zip.entries.keys()];
    if (names.some((name) => name.endsWith('.npy'))) return readNpzCheckpoint(zip);
    const found = `a zip of ${names.length} entries${names.length > 0 ? ` such as ${show(names.slice(0, 3).join(', '))}` : ''}`;
    throw new CheckpointError({
      file: source.file,
      expected: 'a zip of PyTorch (data.pkl), NumPy (.npy) or Keras (model.weights.h5)',
      found,
      remedy: REMEDY,
    });
  });
}

const startsWith = (head: Uint8Array, magic: Uint8Array): boolean => magic.every((byte, i) => head[i] === byte);
const text = (head: Uint8Array): string => Buffer.from(head).toString('latin1');
const hex = (head: Uint8Array): string => Buffer.from(head.subarray(0, 8)).toString('hex');

/** A local header, or the end record of an empty zip. */
const isZip = (head: Uint8Array): boolean => /^PK(\x03\x04|\x05\x06)/.test(text(head));

/** A length of the header, then JSON. A length beyond the file is taken for one, so that it is told as wrong. */
function isSafetensors(head: Uint8Array, size: number): boolean {
  if (head.length < 9 || head[8] !== 0x7b) return false;
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return length >= 2n && (length <= BigInt(size) || /^\{\s*"/.test(text(head.subarray(8))));
}

/** Protocol 2 to 5 with a first opcode, or a global of protocol 0 or 1. */
const isPickle = (head: Uint8Array): boolean =>
  (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) || /^(c|\(c|\(i)[\w.]+\n[\w.]+\n/.test(text(head));

const isJson = (head: Uint8Array): boolean => /^(\u00ef\u00bb\u00bf)?\s*\{/.test(text(head));

const isMsgpackMap = ([first = 0]: Uint8Array): boolean =>
  (first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf;

/** A ModelProto begins with the version of its format, or, written in another order, with one of its texts. */
const isOnnx = ([first = 0, second = 0]: Uint8Array): boolean =>
  (first === 0x08 && second < 0x80) || [0x12, 0x1a, 0x22, 0x32, 0x3a, 0x42, 0x72].includes(first);

/** Formats that are known but not read, so that the message can say so. */
function knownOther(head: Uint8Array): string | undefined {
  const start = text(head);
  if (start.startsWith('GGUF')) return 'GGUF, which is not read';
  if (start.startsWith('\x1f\x8b')) return 'a gzip file: unpack it first';
  if (start.startsWith('BZh') || start.startsWith('\xfd7zXZ')) return 'a compressed file: unpack it first';
  if (start.slice(257, 262) === 'ustar')
    return 'a tar archive: unpack it first (PyTorch before 0.1.10 wrote such files)';
  if (start.slice(4, 8) === 'TFL3') return 'TensorFlow Lite, which is not read';
  return undefined;
}
