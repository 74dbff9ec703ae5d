/** @file Inspecting large checkpoints: what a file says of its tensors, without their values. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openCheckpoint, writeNpz, writeOnnx, writeSafetensors } from '@weightspace/checkpoint';
import type { WritableTensor } from '@weightspace/checkpoint';
import type { Benchmark } from '@weightspace/compute';

const MIB = 2 ** 20;

/** Layers of 1,024 × 1,024 float32 with a bias, of about so many bytes in all. */
function layers(bytes: number): WritableTensor[] {
  const [weight, bias] = [new Uint8Array(4 * MIB), new Uint8Array(4096)];
  return Array.from({ length: Math.floor(bytes / (4 * MIB)) }, (_, i) => [
    { name: `layer${i}.weight`, dtype: 'float32' as const, shape: [1024, 1024], bytes: () => weight },
    { name: `layer${i}.bias`, dtype: 'float32' as const, shape: [1024], bytes: () => bias },
  ]).flat();
}

/** A safetensors file of 2 GiB that takes no room on the disk: a header, then a hole. */
function writeSparse(file: string): void {
  const shape = [1024, 1024];
  const size = 4 * MIB;
  const entries = Array.from({ length: 512 }, (_, i) => {
    const entry = { dtype: 'F32', shape, data_offsets: [i * size, (i + 1) * size] };
    return [`layer${i}.weight`, entry] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const fd = openSync(file, 'w');
  writeSync(fd, Buffer.concat([length, header]));
  ftruncateSync(fd, 8 + header.length + 512 * size);
  closeSync(fd);
}

const inspect = (name: string, write: (file: string) => void): Benchmark => ({
  name,
  calls: 5,
  prepare: () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-checkpoint-'));
    const file = join(folder, 'checkpoint');
    write(file);
    return Promise.resolve({
      call: async () => {
        const checkpoint = await openCheckpoint(file);
        if (checkpoint.tensors.length === 0) throw new Error('nothing in it');
        checkpoint.close();
      },
      release: () => Promise.resolve(rmSync(folder, { recursive: true })),
    });
  },
});

export const benchmarks: readonly Benchmark[] = [
  inspect('inspect-safetensors-2GiB', writeSparse),
  inspect('inspect-safetensors-100MB', (file) => writeSafetensors(file, layers(100 * MIB))),
  inspect('inspect-npz-100MB', (file) => writeNpz(file, layers(100 * MIB))),
  inspect('inspect-onnx-100MB', (file) => writeOnnx(file, layers(100 * MIB))),
];
