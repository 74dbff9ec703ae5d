import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { DatasetError, fetchCifar10, fetchFile, loadCifar10, readCifar10Batch, readTar } from '@weightspace/dataset';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'cifar-10-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const RECORD = 3073;
/** Record i has label i mod 10; value of pixel p of channel c is (i + 3 p + 70 c) mod 251. */
function batch(count: number, first = 0): Uint8Array {
  const bytes = new Uint8Array(count * RECORD);
  for (let i = 0; i < count; i++) {
    bytes[i * RECORD] = (first + i) % 10;
    for (let k = 0; k < 3072; k++)
      bytes[i * RECORD + 1 + k] = (first + i + 3 * (k % 1024) + 70 * Math.floor(k / 1024)) % 251;
  }
  return bytes;
}

describe('readCifar10Batch', () => {
  const read = (bytes: Uint8Array, count: number) => {
    const [images, labels] = [new Uint8Array(count * 3072), new Uint8Array(count)];
    readCifar10Batch(bytes, 'data_batch_1.bin', images, labels);
    return { images, labels };
  };
  test('puts planes of red, green and blue into channels', () => {
    const { images, labels } = read(batch(3), 3);
    expect([...labels]).toEqual([0, 1, 2]);
    const at = (i: number, row: number, column: number) => (i * 1024 + row * 32 + column) * 3;
    const start = at(2, 5, 7);
    expect([...images.subarray(start, start + 3)]).toEqual([0, 1, 2].map((c) => (2 + 3 * (5 * 32 + 7) + 70 * c) % 251));
  });
  test('refuses files of other sizes and labels beyond 9', () => {
    expect(() => read(batch(3).subarray(0, 9000), 3)).toThrow(
      'data_batch_1.bin: expected 3 records of 3073 bytes, 9219 bytes, found 9000 bytes; the file was cut short or is another: delete it, and run npx nx run dataset:cifar-10',
    );
    expect(() => read(batch(4), 3)).toThrow('expected 3 records of 3073 bytes, 9219 bytes, found 12292 bytes');
    const wrong = batch(3);
    wrong[RECORD] = 10;
    expect(() => read(wrong, 3)).toThrow('at byte 3073 (record 1): expected a label from 0 to 9, found 10');
  });
});

describe('loadCifar10', () => {
  const folder = join(root, 'whole');
  beforeAll(() => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'test_batch.bin'), batch(10_000));
  });
  test('reads a part of the set', () => {
    const { images, labels, classes } = loadCifar10('test', folder);
    expect(images.shape).toEqual([10_000, 32, 32, 3]);
    expect(labels.subarray(9998)).toEqual(Uint8Array.of(8, 9));
    expect(classes[8]).toBe('ship');
    expect(images.data.at(-1)).toBe((9999 + 3 * 1023 + 140) % 251);
  });
  test('says which file is missing, and refuses a set with a batch twice', () => {
    expect(() => loadCifar10('train', folder)).toThrow(
      /data_batch_1.bin: expected a file that can be read, found ENOENT.*run npx nx run dataset:cifar-10, which needs the internet/,
    );
    const uneven = batch(10_000);
    uneven[0] = 1;
    writeFileSync(join(root, 'test_batch.bin'), uneven);
    expect(() => loadCifar10('test', root)).toThrow(
      /expected 1000 pictures of each class, found 999, 1001, 1000, .*; the files aren't those of CIFAR-10/,
    );
  });
});

/** An archive of plain files, as tar writes it. */
function tar(files: { readonly [name: string]: Uint8Array }): Buffer {
  const blocks = Object.entries(files).flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(bytes.length.toString(8).padStart(11, '0'), 124);
    header.write('0', 156);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

describe('fetching', () => {
  const names = ['data_batch_1.bin', 'data_batch_2.bin', 'data_batch_3.bin', 'data_batch_4.bin', 'data_batch_5.bin'];
  const members = Object.fromEntries(
    [...names, 'test_batch.bin', 'batches.meta.txt'].map((name, i) => [`cifar-10-batches-bin/${name}`, batch(1, i)]),
  );
  const archive = gzipSync(tar(members));
  const sha256 = createHash('sha256').update(archive).digest('hex');
  let server: Server;
  let base: string;
  let served = 0;
  beforeAll(async () => {
    server = createServer((request, response) => {
      served++;
      if (request.url === '/gone') response.writeHead(404).end();
      else if (request.url === '/short') response.end(archive.subarray(0, 100));
      else response.end(archive);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((done) => server.close(done)));
  const from = (path: string, change = {}) => ({ url: `${base}${path}`, bytes: archive.length, sha256, ...change });

  test('downloads and unpacks once', async () => {
    const folder = join(root, 'fetched');
    expect(await fetchCifar10(folder, from('/ok'))).toBe(`${folder}: downloaded and unpacked 6 files`);
    expect(readdirSync(folder).sort()).toEqual(['cifar-10-binary.tar.gz', ...names, 'test_batch.bin'].sort());
    const before = served;
    expect(await fetchCifar10(folder, from('/ok'))).toBe(`${folder}: all there`);
    rmSync(join(folder, 'test_batch.bin'));
    expect(await fetchCifar10(folder, from('/ok'))).toBe(`${folder}: unpacked 6 files`);
    expect(served).toBe(before);
  });

  test.each([
    [
      '/gone',
      {},
      /expected \d+ bytes from http.*\/gone, found HTTP status 404 Not Found; try again where there is internet/,
    ],
    ['/short', {}, /found 100 bytes; try again/],
    ['/ok', { bytes: 50 }, /expected 50 bytes from http.*, found more; try again/],
    ['/ok', { sha256: 'abc' }, /expected SHA-256 abc, found [0-9a-f]{64}; try again; if it stays so, the file at http/],
    [
      '',
      { url: 'http://127.0.0.1:1/x' },
      /found fetch failed: .*; try again where there is internet, or get the file elsewhere/,
    ],
  ])('refuses %s with %j, and leaves nothing', async (path, change, text) => {
    const file = join(root, 'refused', 'file');
    const attempt = fetchFile(from(path, change), file);
    await expect(attempt).rejects.toThrow(DatasetError);
    await expect(attempt).rejects.toThrow(text);
    expect(readdirSync(join(root, 'refused'))).toEqual([]);
  });

  test('names what an archive lacks, and one that was cut', () => {
    expect(() => readTar(tar(members).subarray(0, 700), 'a.tar')).toThrow(
      'a.tar at byte 0: expected an entry of a tar archive',
    );
    expect(() => readTar(new Uint8Array(0), 'a.tar')).toThrow(
      'a.tar: expected the end record of a tar archive, found none',
    );
    expect([...readTar(tar(members), 'a.tar').keys()]).toHaveLength(7);
  });
});
