import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { siren } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import { generateZoo, inlineExecutor, openMixedZoo, openZoo, workerExecutor, writeShard } from '@weightspace/zoo';
import type { Chunk, GenerateOptions, ZooRows } from '@weightspace/zoo';
import { afterAll, describe, expect, test } from 'vitest';

import { makeRows } from './task.ts';

const root = mkdtempSync(join(tmpdir(), 'mixed-zoo-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => join(root, String(folders++));

const [small, large] = [siren({ sizes: [2, 3, 1] }), siren({ sizes: [2, 4, 1] })];
const header = { recipe: { codes: { family: ['siren'] } }, seed: 7, generator: 'test 1' };
/** Shards of the two architectures in turn, of 4, 3, 2 and 1 networks. */
const chunks: Chunk[] = [4, 3, 2, 1].map((rows, i) => ({
  shard: `shard-${i}.h5`,
  rows,
  networks: [10 * i, 10 * i + rows - 1] as const,
  input: { first: 10 * i, count: rows, sizes: i % 2 === 0 ? [2, 3, 1] : [2, 4, 1] },
  architecture: (i % 2 === 0 ? small : large).spec,
}));
const task = { module: new URL('./task.ts', import.meta.url).href, name: 'makeRows' };
const generate = (folder: string, more: Partial<GenerateOptions> = {}) =>
  generateZoo({ folder, header, chunks, task, executor: inlineExecutor(), ...more });
const bytesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
const made = async () => {
  const folder = newFolder();
  expect(await generate(folder)).toBe(true);
  return folder;
};

describe('a zoo of several architectures', () => {
  test('comes back group by group, with rows numbered through', async () => {
    const zoo = await openMixedZoo(await made());
    expect(zoo.count).toBe(10);
    expect(zoo.header).toEqual(header);
    expect(zoo.groups.map(({ architecture, first, zoo: { count } }) => [architecture.signature, first, count])).toEqual(
      [
        [small.signature, 0, 6],
        [large.signature, 6, 4],
      ],
    );
    const rows = [0, 20, 10, 30].flatMap((from, i) => Array.from({ length: [4, 2, 3, 1][i]! }, (_, k) => from + k));
    expect([...zoo.fit('psnr').data]).toEqual(rows.map((i) => 30 + i));
    expect([...zoo.target('label').data]).toEqual(rows.map((i) => i % 3));
    expect([...zoo.rowsOf('test')]).toEqual(rows.flatMap((number, row) => (number % 3 === 2 ? [row] : [])));
    expect([zoo.targetNames(), zoo.fitNames()]).toEqual([['label'], ['psnr']]);
    const [, second] = zoo.groups;
    const want = [10, 11, 12, 30].map((first) => makeRows({ first, count: 1, sizes: [2, 4, 1] }).parameters);
    const found = second!.zoo.parameters()['layer1.weight']!;
    expect(found.shape).toEqual([4, 4, 2]);
    expect([...found.data]).toEqual(want.flatMap((one) => [...one['layer1.weight']!.data]));
    zoo.close();
  });

  test('has no architecture in zoo.json, and one in every shard', async () => {
    const folder = await made();
    const plan = JSON.parse(readFileSync(join(folder, 'zoo.json'), 'utf8')) as { shards: unknown[] };
    expect(plan).not.toHaveProperty('architecture');
    expect(plan.shards[1]).toEqual(['shard-1.h5', 3, large.signature]);
    const one = await openZoo(join(folder, 'shard-1.h5'));
    expect(one.header.architecture).toEqual(large.spec);
    one.close();
  });

  test('is finished by a second call after a stop, and by any executor, with the same bytes', async () => {
    const [whole, stopped] = [await made(), newFolder()];
    const controller = new AbortController();
    const onProgress: GenerateOptions['onProgress'] = ({ rows }) => void (rows > 0 && controller.abort());
    expect(await generate(stopped, { signal: controller.signal, onProgress })).toBe(false);
    const executor = workerExecutor(2);
    expect(await generate(stopped, { resume: true, executor })).toBe(true);
    await executor.close();
    expect(bytesOf(stopped)).toEqual(bytesOf(whole));
  });

  test('of one architecture is opened by both', async () => {
    const folder = newFolder();
    await generate(folder, {
      header: { ...header, architecture: small.spec },
      chunks: [0, 2].map((i) => ({ ...chunks[i]!, architecture: undefined }) as Chunk),
    });
    const zoo = await openMixedZoo(folder);
    expect(zoo.groups.map(({ zoo: { count } }) => count)).toEqual([6]);
    zoo.close();
  });

  test('may have targets that not all groups have, which are not among its names', async () => {
    const folder = newFolder();
    await generate(folder, { task: { ...task, name: 'makeRowsWithMore' } });
    const zoo = await openMixedZoo(folder);
    expect(zoo.targetNames()).toEqual(['label']);
    expect(() => zoo.target('more')).toThrow(/shard-0.h5 at target: expected 'more', found label; name one/);
    zoo.close();
  });
});

describe('refused is', () => {
  test('a folder of several architectures where one is wanted', async () => {
    await expect(openZoo(await made())).rejects.toThrow(
      `shard-1.h5: expected networks ${small.signature}, found ${large.signature}; the zoo has several architectures: use openMixedZoo`,
    );
  });

  test('a zoo of one architecture with a shard of another', async () => {
    const folder = newFolder();
    const some = chunks.slice(0, 1).map((chunk) => ({ ...chunk, architecture: undefined }) as unknown as Chunk);
    await generate(folder, { header: { ...header, architecture: small.spec }, chunks: [...some] });
    const other = { ...header, architecture: large.spec };
    const sha256 = await writeShard(
      join(folder, 'shard-1.h5'),
      other,
      makeRows({ first: 0, count: 4, sizes: [2, 4, 1] }),
    );
    const line = JSON.stringify({ shard: 'shard-1.h5', rows: 4, sha256, networks: [0, 3] });
    writeFileSync(join(folder, 'manifest.jsonl'), `${line}\n`, { flag: 'a' });
    await expect(openMixedZoo(folder)).rejects.toThrow('the folder mixes two zoos: generate it again');
  });

  test('an architecture in header and chunk, or in neither', async () => {
    await expect(generate(newFolder(), { header: { ...header, architecture: small.spec } })).rejects.toThrow(
      'generateZoo: the architecture must stand either in the header or in every chunk, got one in both for shard-0.h5',
    );
    const without = chunks.map((chunk, i) =>
      i === 1 ? ({ ...chunk, architecture: undefined } as unknown as Chunk) : chunk,
    );
    await expect(generate(newFolder(), { chunks: without })).rejects.toThrow('got none in either for shard-1.h5');
  });

  test('a folder whose shards were planned with other architectures', async () => {
    const folder = await made();
    const other = chunks.map((chunk) => ({ ...chunk, architecture: small.spec }));
    await expect(generate(folder, { chunks: other, resume: true })).rejects.toThrow(
      `shards.1.2: "${large.signature}" there, "${small.signature}" asked for`,
    );
  });

  test('a target that has not a value for each network, or another type in another shard', async () => {
    const folder = newFolder();
    const broken: ZooRows = { ...makeRows({ first: 0, count: 4 }), target: { label: ndarray([1, 2, 3], [3]) } };
    await writeShard(folder, { ...header, architecture: small.spec }, broken);
    await expect(openMixedZoo(folder)).rejects.toThrow('at target/label: expected shape [4, …], found [3]');
    const zoo = await openMixedZoo(await mixedTypes());
    expect(() => zoo.target('more')).toThrow(
      /shard-1.h5 at target\/more: expected Float32Array \[N\], as in .*shard-0.h5, found Int32Array \[N, 1\]/,
    );
    zoo.close();
  });

  test('a changed byte, and an unfinished zoo', async () => {
    const folder = await made();
    const file = join(folder, 'shard-2.h5');
    const bytes = readFileSync(file);
    bytes[bytes.length - 3]! ^= 16;
    writeFileSync(file, bytes);
    await expect(openMixedZoo(folder)).rejects.toThrow(/shard-2.h5: expected SHA-256/);
    const list = join(folder, 'manifest.jsonl');
    writeFileSync(list, readFileSync(list, 'utf8').split('\n').slice(0, 2).join('\n') + '\n');
    await expect(openMixedZoo(folder)).rejects.toThrow('expected 4 shards, as zoo.json says, found 2');
    const zoo = await openMixedZoo(folder, { unfinished: true });
    expect(zoo.count).toBe(7);
    zoo.close();
  });
});

async function mixedTypes(): Promise<string> {
  const folder = newFolder();
  await generate(folder, { task: { ...task, name: 'makeRowsOfOtherTypes' } });
  return folder;
}
