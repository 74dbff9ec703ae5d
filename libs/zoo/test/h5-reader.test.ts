import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { H5Reader, ZooError } from '@weightspace/zoo';
import { afterAll, describe, expect, test, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'h5-reader-'));
afterAll(() => rmSync(folder, { recursive: true }));
/** Made by libs/checkpoint/test/fixtures/make_fixtures.py with h5py. */
const made = (name: string) => join(import.meta.dirname, '../../checkpoint/test/fixtures', name);

async function errorOf(act: () => unknown): Promise<ZooError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof ZooError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('H5Reader', () => {
  test('lists groups, datasets and links, without following those', async () => {
    const h5 = await H5Reader.open(made('legacy.h5'));
    const kinds = new Map(h5.walk().map(({ path, kind }) => [path, kind]));
    expect(kinds.get('/model_weights/dense/dense')).toBe('group');
    expect(kinds.get('/model_weights/dense/dense/kernel:0')).toBe('dataset');
    expect(kinds.get('/elsewhere')).toBe('link');
    expect(kinds.get('/alias')).toBe('link');
    expect(h5.walk('/optimizer_weights').map(({ path }) => path)).toEqual([
      '/optimizer_weights/Adam',
      '/optimizer_weights/Adam/iter:0',
    ]);
    h5.close();
  });

  test('reads attributes: texts of both kinds, lists, and nothing where there is none', async () => {
    const h5 = await H5Reader.open(made('legacy.h5'));
    expect(h5.attributeNames('/')).toEqual(['keras_version', 'model_config']);
    expect(h5.attribute('/', 'keras_version')).toBe('2.11.0');
    expect(h5.attribute('/model_weights', 'layer_names')).toEqual(['input_1', 'half', 'dense']);
    expect(h5.attribute('/', 'absent')).toBeUndefined();
    h5.close();
  });

  test('knows the types of numbers, and says what others are', async () => {
    const h5 = await H5Reader.open(made('v3.weights.h5'));
    const types = ['embedding', 'flags', 'ints', 'complex', 'norm'].map(
      (name) => h5.facts(`/layers/${name}/vars/0`).type,
    );
    expect(types).toEqual(['float32', 'bool', 'uint64', 'complex64', 'opaque16']);
    expect(h5.facts('/layers/embedding/vars/0')).toMatchObject({ shape: [40, 64], bytes: 10240, chunks: [16, 16] });
    expect(h5.facts('/layers/words')).toMatchObject({ type: undefined, note: 'texts' });
    expect(h5.facts('/layers/nothing')).toMatchObject({ type: undefined, note: 'nothing: an empty dataset' });
    h5.close();
  });

  test('reads big-endian, compressed values as little-endian bytes', async () => {
    const h5 = await H5Reader.open(made('v3.weights.h5'));
    const values = new Float32Array(h5.read('/layers/embedding/vars/0').buffer);
    expect(values).toEqual(Float32Array.from({ length: 40 * 64 }, (_, i) => i % 64));
    h5.close();
  });

  test('refuses a group that contains itself', async () => {
    const h5 = await H5Reader.open(made('cyclic.h5'));
    const error = await errorOf(() => h5.walk());
    expect(error.problem.at).toMatch(/^\/group\/self\/self/);
    expect(error.problem).toMatchObject({
      expected: 'at most 32 groups in each other',
      found: 'more: a group contains itself',
    });
    h5.close();
  });

  test('tells of damage in HDF5’s words, prints nothing, and leaves no file open', async () => {
    const file = join(folder, 'damaged.h5');
    const print = vi.spyOn(process.stderr, 'write');
    const open = readdirSync('/proc/self/fd').length;
    copyFileSync(made('v3.weights.h5'), file);
    truncateSync(file, 3000);
    const cut = await errorOf(() => H5Reader.open(file));
    expect(cut.problem).toMatchObject({ file, expected: 'whole HDF5', remedy: 'the file is damaged: get it anew' });
    expect(cut.problem.found).toMatch(/^truncated file: eof = 3000/);
    const bytes = readFileSync(made('v3.weights.h5'));
    bytes.fill(0xff, bytes.indexOf('TREE'), bytes.indexOf('TREE') + 64);
    writeFileSync(file, bytes);
    const h5 = await H5Reader.open(file);
    const broken = await errorOf(() => h5.walk());
    expect(broken.problem).toMatchObject({ file, at: '/', expected: 'whole HDF5' });
    h5.close();
    expect(print).not.toHaveBeenCalled();
    expect(readdirSync('/proc/self/fd').length).toBe(open);
    print.mockRestore();
  });

  test('does not take the memory that a damaged file asks for', async () => {
    const file = join(folder, 'greedy.h5');
    const bytes = readFileSync(made('legacy.h5'));
    // A heap of texts says that it has 1 GiB.
    bytes.writeBigUInt64LE(2n ** 30n, bytes.indexOf('GCOL') + 8);
    writeFileSync(file, bytes);
    const before = process.memoryUsage().rss;
    const h5 = await H5Reader.open(file);
    const error = await errorOf(() => h5.attribute('/', 'keras_version'));
    expect(error.problem).toMatchObject({ file, at: '/ attribute keras_version', expected: 'whole HDF5' });
    h5.close();
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  });

  test('refuses to read after it was closed', async () => {
    const h5 = await H5Reader.open(made('legacy.h5'));
    h5.close();
    h5.close();
    const error = await errorOf(() => h5.read('/model_weights/dense/dense/bias:0'));
    expect(error.message).toMatch(/expected an open file, found one that was closed; read before you close it$/);
  });

  test('refuses what is no HDF5', async () => {
    const file = join(folder, 'other');
    writeFileSync(file, 'no HDF5 at all');
    const error = await errorOf(() => H5Reader.open(file));
    expect(error.message).toBe(
      `openH5: ${file}: expected an HDF5 file, found a file of 14 bytes that starts otherwise; check the path`,
    );
  });
});
