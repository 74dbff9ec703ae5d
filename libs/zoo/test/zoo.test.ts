import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { initialize, siren } from '@weightspace/architecture';
import { ndarray, RandomStream } from '@weightspace/compute';
import { generateZoo, inlineExecutor, openZoo, workerExecutor, writeShard, ZooError } from '@weightspace/zoo';
import type { Chunk, GenerateOptions } from '@weightspace/zoo';
import h5wasm from 'h5wasm/node';
import { afterAll, describe, expect, test } from 'vitest';

import { makeRows } from './task.ts';

const root = mkdtempSync(join(tmpdir(), 'zoo-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => join(root, String(folders++));

const architecture = siren({ sizes: [2, 3, 1] });
const header = { architecture: architecture.spec, recipe: { name: 'test', steps: 5 }, seed: 7, generator: 'test 1' };
const chunks: Chunk[] = [0, 1, 2].map((i) => ({
  shard: `shard-${i}.h5`,
  rows: 4,
  networks: [4 * i, 4 * i + 3] as const,
  input: { first: 4 * i, count: 4 },
}));
const task = { module: new URL('./task.ts', import.meta.url).href, name: 'makeRows' };
const options = (folder: string, more: Partial<GenerateOptions> = {}): GenerateOptions => ({
  folder,
  header,
  chunks,
  task,
  executor: inlineExecutor(),
  ...more,
});
const bytesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
const problemOf = (promise: Promise<unknown>): Promise<ZooError> =>
  promise.then(
    () => expect.fail('nothing was thrown'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(ZooError);
      return error as ZooError;
    },
  );

describe('a zoo', () => {
  test('comes back as it was written', async () => {
    const folder = newFolder();
    expect(await generateZoo(options(folder))).toBe(true);
    const zoo = await openZoo(folder);
    expect(zoo.count).toBe(12);
    expect(zoo.header.recipe).toEqual(header.recipe);
    expect(zoo.architecture.signature).toBe(architecture.signature);
    const want = initialize(architecture, RandomStream.fromSeed(7), { count: 12 });
    expect(zoo.parameters()).toEqual(want);
    expect([...(zoo.target('label').data as Int32Array)]).toEqual([...Array(12).keys()].map((i) => i % 3));
    expect([...zoo.rowsOf('test')]).toEqual([2, 5, 8, 11]);
    expect(() => zoo.target('colour')).toThrow(/at target: expected 'colour', found label/);
    zoo.close();
  });

  test('keeps the names of classes where it is given them', async () => {
    const folder = newFolder();
    await generateZoo(options(folder, { header: { ...header, classes: ['cat', 'dog', 'Füße'] } }));
    const zoo = await openZoo(folder);
    expect(zoo.header.classes).toEqual(['cat', 'dog', 'Füße']);
    zoo.close();
  });

  test('of the same contents has the same bytes, whenever and by whomever it is written', async () => {
    const [first, second] = [newFolder(), newFolder()];
    await generateZoo(options(first));
    await new Promise((done) => setTimeout(done, 1100));
    const executor = workerExecutor(2);
    await generateZoo(options(second, { executor }));
    await executor.close();
    expect(bytesOf(second)).toEqual(bytesOf(first));
  });

  test('is finished by a second call after a stop, with the same bytes', async () => {
    const [whole, stopped] = [newFolder(), newFolder()];
    await generateZoo(options(whole));
    const controller = new AbortController();
    const finished = await generateZoo(
      options(stopped, {
        signal: controller.signal,
        onProgress: ({ rows }) => void (rows === 4 && controller.abort()),
      }),
    );
    expect(finished).toBe(false);
    // What a killed process leaves: a shard under way, one that isn't listed yet, a line that was cut short.
    writeFileSync(join(stopped, 'shard-1.h5.tmp'), 'half');
    writeFileSync(join(stopped, 'shard-2.h5'), 'not listed');
    appendFileSync(join(stopped, 'manifest.jsonl'), '{"shard":"shard-2.h5","ro');
    expect(await generateZoo(options(stopped, { resume: true }))).toBe(true);
    expect(bytesOf(stopped)).toEqual(bytesOf(whole));
  });
});

test('its progress counts what several workers have under way', async () => {
  const executor = { ...inlineExecutor(), width: 2 };
  const run: typeof executor.run = async (given) => {
    await new Promise((done) => setTimeout(done, 200));
    return inlineExecutor().run(given);
  };
  const seen: number[][] = [];
  const onProgress: GenerateOptions['onProgress'] = ({ rows, begunRows }) => void seen.push([rows, begunRows]);
  await generateZoo(options(newFolder(), { executor: { ...executor, run }, onProgress }));
  expect(seen.map(([rows]) => rows)).toEqual([0, 4, 8, 12]);
  expect(seen[0]![1]).toBe(0);
  expect(seen[1]![1]).toBeGreaterThan(7); // The second shard was begun with the first, and is nearly done.
  expect(seen.at(-1)![1]).toBe(12);
});

test('the commit is listed with each shard, and not in its bytes', async () => {
  const [first, second] = [newFolder(), newFolder()];
  await generateZoo(options(first, { commit: 'a'.repeat(40) }));
  await generateZoo(options(second, { commit: 'b'.repeat(40) }));
  const shards = (folder: string) => Object.entries(bytesOf(folder)).filter(([name]) => name !== 'manifest.jsonl');
  expect(shards(second)).toEqual(shards(first));
  const zoo = await openZoo(second);
  expect(zoo.commits).toEqual(['b'.repeat(40)]);
  zoo.close();
});

describe('generateZoo refuses', () => {
  test('a folder that holds shards already, unless told to resume', async () => {
    const folder = newFolder();
    await generateZoo(options(folder));
    expect((await problemOf(generateZoo(options(folder)))).message).toContain(
      'expected an empty folder, found 3 finished shards; continue with --resume',
    );
  });
  test('the folder of another zoo, and names what differs', async () => {
    const folder = newFolder();
    await generateZoo(options(folder));
    const other = { ...header, recipe: { name: 'test', steps: 6 } };
    expect((await problemOf(generateZoo(options(folder, { header: other, resume: true })))).message).toContain(
      'found another (recipe.steps: 5 there, 6 asked for)',
    );
  });
  test('a second writer, but takes over from one that is gone', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    const lock = (pid: number) =>
      writeFileSync(join(folder, '.lock'), JSON.stringify({ pid, host: hostname(), since: 'then' }));
    lock(process.ppid);
    expect((await problemOf(generateZoo(options(folder)))).message).toContain(
      `found process ${process.ppid} on ${hostname()}, since then; two processes may not write one zoo`,
    );
    lock(spawnSync('true').pid);
    expect(await generateZoo(options(folder))).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
  test('a lock of another host, which only a person can judge', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, '.lock'), JSON.stringify({ pid: 1, host: 'elsewhere', since: 'then' }));
    expect((await problemOf(generateZoo(options(folder)))).message).toContain(
      'found process 1 on elsewhere, since then; two processes may not write one zoo: wait for it, stop it, or choose another folder; if it is gone, remove this file',
    );
  });
  test.runIf(process.platform === 'linux')('no lock of a process whose number another one has by now', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    const earlier = { pid: process.ppid, host: hostname(), since: 'then', started: '1' };
    writeFileSync(join(folder, '.lock'), JSON.stringify(earlier));
    expect(await generateZoo(options(folder))).toBe(true);
  });
  test('a place where no folder can be', async () => {
    const file = newFolder();
    writeFileSync(file, '');
    expect((await problemOf(generateZoo(options(join(file, 'zoo'))))).message).toContain(
      'a file stands where a folder is needed',
    );
  });
  test('names the chunk whose work failed, and keeps the others', async () => {
    const folder = newFolder();
    const broken = chunks.map((chunk, i) => (i === 1 ? { ...chunk, input: { first: -1, count: 4 } } : chunk));
    await expect(generateZoo(options(folder, { chunks: broken }))).rejects.toThrow('the chunk shard-1.h5 failed: ');
    expect(readdirSync(folder)).toContain('shard-0.h5');
  });
});

/** A small file system that is soon full, where this process may mount one. */
const canMount =
  process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0;
if (!canMount) process.stderr.write('skipped: the tests of a full disk and of a read-only one need root on Linux\n');

describe.skipIf(!canMount)('a disk that', () => {
  const mounted = async (setting: string, f: (folder: string) => Promise<void>) => {
    const folder = newFolder();
    mkdirSync(folder);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', setting, 'tmpfs', folder]).status !== 0)
      return void process.stderr.write('skipped: this machine mounts nothing\n');
    try {
      await f(folder);
    } finally {
      spawnSync('umount', ['-l', folder]);
    }
  };
  test('is full ends the generation with what to do, and loses no finished shard', () =>
    mounted('size=24k', async (folder) => {
      const big = siren({ sizes: [2, 40, 40, 1] });
      const many = chunks.map((chunk) => ({ ...chunk, input: { ...(chunk.input as object), sizes: [2, 40, 40, 1] } }));
      const error = await problemOf(
        generateZoo(options(folder, { header: { ...header, architecture: big.spec }, chunks: many })),
      );
      expect(error.message).toMatch(
        /expected \d+ bytes free on the disk, found \d+; free some disk space and continue with --resume/,
      );
      expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }));
  test('is read-only says so', () =>
    mounted('ro,size=1m', async (folder) => {
      expect((await problemOf(generateZoo(options(join(folder, 'zoo'))))).message).toMatch(
        /the folder is read-only: choose another one/,
      );
    }));
});

describe('openZoo refuses', () => {
  const made = async () => {
    const folder = newFolder();
    await generateZoo(options(folder));
    return folder;
  };
  test.each([
    [
      'a path without a zoo',
      async () => newFolder(),
      'expected a zoo, found nothing; check the path, or generate the zoo',
    ],
    ['a folder without a manifest', async () => root, 'found a folder without manifest.jsonl'],
    [
      'a truncated shard',
      async () => {
        const folder = await made();
        truncateSync(join(folder, 'shard-1.h5'), 900);
        return folder;
      },
      /shard-1.h5: expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}; the file was changed or cut short/,
    ],
    [
      'a flipped byte',
      async () => {
        const folder = await made();
        const bytes = readFileSync(join(folder, 'shard-2.h5'));
        bytes[bytes.length - 3]! ^= 16;
        writeFileSync(join(folder, 'shard-2.h5'), bytes);
        return folder;
      },
      /shard-2.h5: expected SHA-256/,
    ],
    [
      'a flipped byte in one file of a zoo',
      async () => {
        const file = join(await made(), 'shard-2.h5');
        const bytes = readFileSync(file);
        bytes[bytes.length - 3]! ^= 16;
        writeFileSync(file, bytes);
        return file;
      },
      /shard-2.h5: expected SHA-256/,
    ],
    [
      'a missing shard',
      async () => {
        const folder = await made();
        rmSync(join(folder, 'shard-0.h5'));
        return folder;
      },
      'shard-0.h5: expected a zoo file, found ENOENT',
    ],
    [
      'a file that is no HDF5',
      async () => {
        const file = newFolder();
        writeFileSync(file, 'weights');
        return file;
      },
      'expected an HDF5 file, found a file of 7 bytes that starts otherwise',
    ],
    [
      'a manifest with a broken line',
      async () => {
        const folder = await made();
        appendFileSync(join(folder, 'manifest.jsonl'), 'shard\n');
        return folder;
      },
      'manifest.jsonl at line 4: expected a shard with its rows and SHA-256, found shard',
    ],
    [
      'a zoo whose generation was stopped',
      async () => {
        const folder = await made();
        const file = join(folder, 'manifest.jsonl');
        writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, 2).join('\n') + '\n');
        return folder;
      },
      'manifest.jsonl: expected 3 shards, as zoo.json says, found 2; continue its generation with --resume',
    ],
    [
      'a manifest without a shard',
      async () => {
        const folder = newFolder();
        mkdirSync(folder);
        writeFileSync(join(folder, 'manifest.jsonl'), '');
        return folder;
      },
      'manifest.jsonl: expected finished shards, found none; continue its generation with --resume',
    ],
    [
      'a plan that is cut short',
      async () => {
        const folder = await made();
        truncateSync(join(folder, 'zoo.json'), 20);
        return folder;
      },
      /zoo.json: expected JSON, found .*; restore the file/,
    ],
  ])('%s', async (_, make, text) => {
    expect((await problemOf(openZoo(await make()))).message).toMatch(text);
  });

  test('another number of networks than is listed, and shards of two architectures', async () => {
    const folder = await made();
    const file = join(folder, 'manifest.jsonl');
    const lines = readFileSync(file, 'utf8');
    writeFileSync(file, lines.replace('"rows":4', '"rows":5'));
    expect((await problemOf(openZoo(folder))).message).toContain(
      'shard-0.h5: expected 5 networks, as the manifest says, found 4; delete the file and generate again with --resume',
    );
    writeFileSync(file, lines);
    const other = siren({ sizes: [2, 4, 1] });
    await writeShard(
      join(folder, 'shard-1.h5'),
      { ...header, architecture: other.spec },
      makeRows({ first: 0, count: 4, sizes: [2, 4, 1] }),
    );
    expect((await problemOf(openZoo(folder, { verify: 'size' }))).message).toContain(
      `shard-1.h5: expected networks ${architecture.signature}, found ${other.signature}; the folder mixes two zoos`,
    );
  });

  test('unfinished zoos, unless they are asked for', async () => {
    const folder = await made();
    const file = join(folder, 'manifest.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, 1).join('\n') + '\n');
    const zoo = await openZoo(folder, { unfinished: true });
    expect(zoo.count).toBe(4);
    zoo.close();
  });

  test('a file of another schema, and one whose arrays are not of its architecture', async () => {
    const file = newFolder();
    const rows = makeRows({ first: 0, count: 4 });
    await writeShard(file, { ...header, architecture: siren({ sizes: [2, 4, 1] }).spec }, rows);
    expect((await problemOf(openZoo(file))).message).toContain(
      'at parameters/layer1.weight: expected shape [4, 4, 2], found [4, 3, 2]',
    );
    await writeShard(file, header, rows);
    const attribute = (name: string, value: string) => {
      const h5 = new h5wasm.File(file, 'a');
      h5.delete_attribute(name);
      h5.create_attribute(name, value);
      h5.close();
    };
    attribute('recipe', '{"name"');
    expect((await problemOf(openZoo(file))).message).toContain(
      'at attribute recipe: expected JSON, found {"name"; the file is damaged: generate it again',
    );
    attribute('recipe', '{}');
    attribute('architecture', '{"schema":"weightspace-architecture/1","layers":[]}');
    expect((await problemOf(openZoo(file))).message).toMatch(
      /at attribute architecture: expected an architecture that this version knows, found defineArchitecture: .*; the file is damaged or of another version/,
    );
    attribute('schema', 'weightspace-zoo/9');
    expect((await problemOf(openZoo(file))).message).toContain(
      'at attribute schema: expected weightspace-zoo/1, found weightspace-zoo/9; this zoo was written by another version: generate it again with this one',
    );
  });

  test('HDF5 that is no zoo, and a whole start with a broken end', async () => {
    const file = newFolder();
    await writeShard(file, header, makeRows({ first: 0, count: 4 }));
    const whole = readFileSync(file);
    const h5 = new h5wasm.File(file, 'a');
    h5.delete_attribute('schema');
    h5.close();
    expect((await problemOf(openZoo(file))).message).toContain(
      'at attribute schema: expected a text, found nothing; this is no zoo file: generate it with this version',
    );
    writeFileSync(file, whole.subarray(0, 700));
    expect((await problemOf(openZoo(file))).message).toContain(
      `expected ${whole.length} bytes, as its start says, found 700; it was cut short: delete it and generate again with --resume`,
    );
  });

  test('writing data that does not fit its shape', async () => {
    const rows = makeRows({ first: 0, count: 4 });
    const wrong = { ...rows, fit: { psnr: { ...ndarray([1, 2, 3, 4], [4]), shape: [5] } } };
    const { message } = await problemOf(writeShard(newFolder(), header, wrong));
    expect(message).toContain('at fit/psnr: expected 5 values for [5], found 4');
  });
});
