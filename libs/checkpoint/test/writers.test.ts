import { readFileSync, writeFileSync } from 'node:fs';

import { openCheckpoint, tensorOf, writeNpz, writeOnnx, writeSafetensors } from '@weightspace/checkpoint';
import type { TensorData, WritableTensor } from '@weightspace/checkpoint';
import { ndarray, saveSafetensors } from '@weightspace/compute';
import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';

import { base64, byName, errorOf, expected, fixture, seen } from './checkpoint-fixtures.ts';
import { temporary } from './temporary.ts';

/** Every bit pattern that floats may not keep on their way: NaNs with payloads, negative zero, subnormals. */
const special = Float32Array.from({ length: 8 });
new Uint32Array(special.buffer).set([
  0x7fc00001, 0xffa12345, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7f7fffff, 0x3f800000,
]);

const writers = {
  safetensors: {
    write: (file: string, tensors: readonly WritableTensor[]) => writeSafetensors(file, tensors),
    without: ['complex64', 'complex128'],
  },
  npz: { write: writeNpz, without: ['bfloat16', 'float8_e4m3fn', 'float8_e5m2'] },
  onnx: { write: (file: string, tensors: readonly WritableTensor[]) => writeOnnx(file, tensors), without: [] },
} as const;

const bytesOf = (name: string, dtype: TensorData['dtype'], shape: number[], bytes: Uint8Array): WritableTensor => ({
  name,
  dtype,
  shape,
  bytes: () => bytes,
});

const extra = [
  tensorOf('special', ndarray(special, [2, 4])),
  tensorOf('größe/with.dots', { dtype: 'uint64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }),
  tensorOf('', ndarray([], [0, 3])),
  bytesOf('e4m3', 'float8_e4m3fn', [2, 2], Uint8Array.of(0x7f, 0x80, 1, 0x7e)),
  bytesOf('e5m2', 'float8_e5m2', [4], Uint8Array.of(0x7c, 0xfc, 1, 0x7f)),
];

describe.each(Object.entries(writers))('%s', (format, { write, without }) => {
  test.each(Object.keys(expected))('gets %s back bit by bit', async (name) => {
    const original = await openCheckpoint(fixture(name));
    const kept = [...original.tensors, ...extra].filter(({ dtype }) => !(without as readonly string[]).includes(dtype));
    const file = temporary(`written.${format}`);
    write(file, kept);
    const again = await openCheckpoint(file);
    expect(again.format).toBe(format);
    const wanted = kept.map(({ name, dtype, shape, bytes }, i) => ({
      name,
      dtype,
      shape,
      bytes: base64(bytes.call(kept[i])),
    }));
    expect(byName(seen(again.tensors))).toEqual(byName(wanted));
    original.close();
  });

  test('gives equal bytes for equal tensors', () => {
    const tensors = extra.filter(({ dtype }) => !(without as readonly string[]).includes(dtype));
    const [a, b] = [temporary('a'), temporary('b')];
    write(a, tensors);
    write(b, tensors);
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
  });

  test('refuses a name twice, values that do not fit, and keeps the file that was there', async () => {
    const file = temporary('kept');
    writeFileSync(file, 'as before');
    const one = tensorOf('x', ndarray([1], [1]));
    const twice = await errorOf(() => write(file, [one, one]));
    expect(twice).toMatchObject({ file, at: "tensor 'x'", expected: 'every name once', found: 'it twice' });
    const short = await errorOf(() => write(file, [bytesOf('x', 'float32', [2], new Uint8Array(4))]));
    expect(short).toMatchObject({ expected: '8 bytes for float32 [2]', found: '4' });
    expect(readFileSync(file, 'utf8')).toBe('as before');
    expect((await errorOf(() => write(temporary('absent/file'), [one]))).found).toMatch(/ENOENT/);
  });
});

describe('writeSafetensors', () => {
  test('writes the bytes that compute writes', () => {
    const arrays = { b: ndarray([1, 2], [2]), a: ndarray(Int32Array.of(3), []), flag: ndarray(Uint8Array.of(1), [1]) };
    saveSafetensors(temporary('compute'), arrays, { z: '1', a: '2' });
    writeSafetensors(
      temporary('ours'),
      Object.entries(arrays).map(([name, array]) => tensorOf(name, array)),
      { z: '1', a: '2' },
    );
    expect(readFileSync(temporary('ours')).equals(readFileSync(temporary('compute')))).toBe(true);
  });

  test('refuses complex numbers and the name of the metadata', async () => {
    const complex = bytesOf('z', 'complex64', [1], new Uint8Array(8));
    expect((await errorOf(() => writeSafetensors(temporary('x'), [complex]))).message).toMatch(
      /tensor 'z': expected a dtype of safetensors, found complex64; write \.npz, or real and imaginary parts/,
    );
    const named = bytesOf('__metadata__', 'int8', [1], new Uint8Array(1));
    expect((await errorOf(() => writeSafetensors(temporary('x'), [named]))).expected).toBe('another name');
  });

  test('may write over the file that it reads from', async () => {
    const file = temporary('over.safetensors');
    writeSafetensors(file, [tensorOf('a', ndarray([1, 2], [2])), tensorOf('b', ndarray([3], [1]))]);
    writeSafetensors(file, (await openCheckpoint(file)).tensors, { round: '2' });
    const again = await openCheckpoint(file);
    expect(again.tensor('a').ndarray().data).toEqual(Float32Array.of(1, 2));
    expect(again.metadata).toEqual({ round: '2' });
  });
});

describe('writeNpz', () => {
  test('writes a zip that other programs unpack, its data aligned to 64 bytes', () => {
    writeNpz(temporary('x.npz'), [tensorOf('a', ndarray([1, 2, 3], [3]))]);
    const entry = unzipSync(readFileSync(temporary('x.npz')))['a.npy']!;
    expect(Buffer.from(entry.subarray(10, 70)).toString()).toMatch(
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(3,\), \}/,
    );
    expect(entry.length).toBe(128 + 12);
  });

  test('refuses what NumPy does not know', async () => {
    const error = await errorOf(() => writeNpz(temporary('x'), [bytesOf('w', 'bfloat16', [1], new Uint8Array(2))]));
    expect(error.message).toMatch(/tensor 'w': expected a dtype of NumPy, found bfloat16; write safetensors, or pass/);
  });
});

describe('writeOnnx like another model', () => {
  test('changes nothing but the values', async () => {
    const like = fixture('cnn.onnx');
    const file = temporary('like.onnx');
    const original = await openCheckpoint(like);
    writeOnnx(file, original.tensors, { like });
    expect(readFileSync(file).equals(readFileSync(like))).toBe(true);
    const weight = original.tensor('0.weight');
    const values = Float32Array.from({ length: weight.size }, (_, i) => i);
    writeOnnx(file, [tensorOf('0.weight', ndarray(values, weight.shape))], { like: file });
    const changed = await openCheckpoint(file);
    expect(changed.tensor('0.weight').read().data).toEqual(values);
    expect(changed.tensor('3.bias').bytes()).toEqual(original.tensor('3.bias').bytes());
    expect(readFileSync(file).length).toBe(readFileSync(like).length);
  });

  test('replaces constants, and takes values in typed fields only as they are', async () => {
    const like = fixture('kinds.onnx');
    const file = temporary('kinds.onnx');
    const original = await openCheckpoint(like);
    writeOnnx(file, [...original.tensors, tensorOf('as-floats2', ndarray([1], [1]))].slice(0, -1), { like });
    expect(readFileSync(file).equals(readFileSync(like))).toBe(true);
    writeOnnx(file, [tensorOf('chosen.inner', ndarray([7, 8], [2]))], { like });
    expect((await openCheckpoint(file)).tensor('chosen.inner').read().data).toEqual(Float32Array.of(7, 8));
    const other = tensorOf('int64-typed', { dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(1n, 2n) });
    expect((await errorOf(() => writeOnnx(file, [other], { like }))).expected).toMatch(/has as raw data of its own$/);
  });

  test('refuses other names and shapes', async () => {
    const like = fixture('cnn.onnx');
    const absent = await errorOf(() => writeOnnx(temporary('x'), [tensorOf('x', ndarray([1], [1]))], { like }));
    expect(absent.found).toBe('none of that name');
    const shape = await errorOf(() => writeOnnx(temporary('x'), [tensorOf('3.bias', ndarray([1], [1]))], { like }));
    expect(shape).toMatchObject({ expected: 'float32 [3]', found: 'float32 [1]' });
  });
});
