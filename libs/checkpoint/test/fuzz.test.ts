/** @file 500 damaged files per format: each is read, or refused with a CheckpointError; nothing hangs or fills the memory. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CheckpointError, openCheckpoint } from '@weightspace/checkpoint';
import { RandomStream } from '@weightspace/compute';
import { afterAll, describe, expect, test } from 'vitest';

import { fixture } from './checkpoint-fixtures.ts';
import { mutate, mutateHeader, mutateInside } from './fuzz/mutate.ts';

const FILES = 500;
/** Of the processor, for one small file: the machine may be busy with other work. */
const SECONDS = 2;
const MEMORY = 2 ** 30;

const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Target {
  readonly format: string;
  /** Files that are damaged in turn. */
  readonly files: readonly string[];
  /** How; without it, anywhere. */
  readonly damage?: typeof mutate;
  /** The file that is opened, where it isn't the damaged one. */
  readonly open?: string;
}

const targets: readonly Target[] = [
  { format: 'safetensors', files: ['all.safetensors'] },
  { format: 'safetensors headers', files: ['all.safetensors'], damage: mutateHeader },
  { format: 'PyTorch pickles', files: ['mlp.pt', 'nested.pt', 'unread.pt', 'cyclic.pt'], damage: mutateInside },
  { format: 'PyTorch zip', files: ['mlp.pt', 'nested.pt', 'mlp-deflated.pt', 'unread.pt'] },
  { format: 'PyTorch legacy', files: ['mlp-legacy.pt', 'nested-legacy.pt'] },
  { format: 'pickle', files: ['evil-0.pkl', 'evil-2.pkl', 'evil-4.pkl'] },
  { format: 'npy', files: ['fortran.npy', 'unicode.npy'] },
  { format: 'npz', files: ['arrays.npz', 'arrays-deflated.npz'] },
  { format: 'npz arrays', files: ['arrays.npz'], damage: mutateInside },
  { format: 'Keras h5', files: ['legacy.h5', 'weights-legacy.h5', 'v3.weights.h5'] },
  { format: 'keras', files: ['v3.keras', 'v3-deflated.keras'] },
  { format: 'keras contents', files: ['v3.keras'], damage: mutateInside },
  {
    format: 'TensorFlow.js',
    files: ['tfjs/model.json', 'tfjs/model.json', 'tfjs/group1-shard1of2.bin'],
    open: 'tfjs/model.json',
  },
  { format: 'ONNX', files: ['cnn.onnx', 'kinds.onnx', 'external.onnx'] },
  { format: 'Flax', files: ['flax.msgpack'] },
];

/** Opens a file and reads all of it. @returns the error, if it is refused */
async function attempt(file: string): Promise<CheckpointError | undefined> {
  let close = () => {};
  try {
    const checkpoint = await openCheckpoint(file);
    close = () => checkpoint.close();
    for (const tensor of checkpoint.tensors) {
      const { data } = tensor.read();
      const parts = tensor.dtype.startsWith('complex') ? 2 : 1;
      if (data.length !== tensor.size * parts) throw new Error(`${tensor.name} has ${data.length} values`);
    }
    return undefined;
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  } finally {
    close();
  }
}

describe('openCheckpoint reads or refuses', () => {
  test.each(targets)(`${FILES} damaged files of $format`, async ({ format, files, open, damage = mutate }) => {
    const random = RandomStream.fromSeed(7).split(format);
    const own = mkdtempSync(join(folder, 'case-'));
    cpSync(fixture('tfjs'), join(own, 'tfjs'), { recursive: true });
    cpSync(fixture('external.bin'), join(own, 'external.bin'));
    const [before, errors] = [process.memoryUsage().rss, [] as CheckpointError[]];
    let slowest = 0;
    for (let i = 0; i < FILES; i++) {
      const name = files[i % files.length]!;
      const whole = readFileSync(fixture(name));
      writeFileSync(join(own, name), damage(whole, random.split(i)));
      const start = process.cpuUsage();
      const error = await attempt(join(own, open ?? name)).catch((cause: unknown) => {
        throw new Error(`file ${i} (${name}): ${String(cause)}`, { cause });
      });
      const { user, system } = process.cpuUsage(start);
      slowest = Math.max(slowest, (user + system) / 1e6);
      if (error) errors.push(error);
      writeFileSync(join(own, name), whole);
    }
    expect(slowest).toBeLessThan(SECONDS);
    expect(process.memoryUsage().rss - before).toBeLessThan(MEMORY);
    // Flipped values can't be told from others, so some files are read; most are refused.
    expect(errors.length).toBeGreaterThan(FILES / 4);
    for (const { file, expected, found, remedy } of errors) {
      expect(file.startsWith(own)).toBe(true);
      expect(expected.length * found.length * remedy.length).toBeGreaterThan(0);
    }
  });
});
