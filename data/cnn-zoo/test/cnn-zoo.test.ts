import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findNonFinite, RandomStream } from '@weightspace/compute';
import { drawSmallCnn, ranges, smallCnn, smallCnnZoo } from '@weightspace/data-cnn-zoo';
import { lastRows, plotAccuracies, trainingZooWork, trainShard } from '@weightspace/network-zoo';
import type { TrainInput } from '@weightspace/network-zoo';
import { openMixedZoo } from '@weightspace/zoo';
import { afterAll, describe, expect, test } from 'vitest';

const repository = join(import.meta.dirname, '..', '..', '..');
const root = mkdtempSync(join(tmpdir(), 'cnn-zoo-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs the generator; `stopWhen` sees the names in its folder and says when to kill it. */
function generate(folder: string, args: readonly string[], stopWhen?: (files: readonly string[]) => boolean) {
  const script = join(repository, 'data/cnn-zoo/src/generate.ts');
  const loader = ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register'];
  const child = spawn(process.execPath, [...loader, script, '--folder', folder, ...args], { cwd: repository });
  let text = '';
  child.stdout.on('data', (part) => (text += String(part)));
  child.stderr.on('data', (part) => (text += String(part)));
  const watch = setInterval(() => {
    if (existsSync(folder) && stopWhen?.(readdirSync(folder))) child.kill('SIGKILL');
  }, 2);
  return new Promise<{ readonly code: number | null; readonly text: string }>((resolve) =>
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code, text });
    }),
  );
}
const bytesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
const SMALL = ['--networks', '9', '--epochs', '2', '--checkpoints', '1,2', '--threads', '2'].concat([
  '--train-images',
  '400',
  '--validation-images',
  '60',
  '--test-images',
  '100',
]);

/** The same. */
const settings = {
  ...{ seed: 0, networks: 9, epochs: 2, batch: 16, checkpoints: [1, 2], resume: false, quiet: true },
  ...{ trainImages: 400, validationImages: 60, testImages: 100, probeImages: 2500, images: 'mnist', shrink: 1 },
};

describe('data-cnn-zoo:generate', () => {
  test('killed at several moments and resumed, it ends with the same bytes', async () => {
    const whole = join(root, 'whole');
    const made = await generate(whole, SMALL);
    expect(made.code, made.text).toBe(0);
    expect(made.text).toMatch(/9 networks of 2 architectures, 18 rows; test accuracy: median [\d.]+ %/);
    const moments: readonly ((files: readonly string[]) => boolean)[] = [
      (files) => files.includes('zoo.json'),
      (files) => files.includes('shard-0000.h5') || files.includes('shard-0001.h5'),
    ];
    for (const [i, moment] of moments.entries()) {
      const folder = join(root, `killed-${i}`);
      const killed = await generate(folder, SMALL, moment);
      const resumed = await generate(folder, [...SMALL, '--resume']);
      expect(resumed.code, `${killed.text}\n${resumed.text}`).toBe(0);
      expect(bytesOf(folder)).toEqual(bytesOf(whole));
    }
  });

  test('keeps what the networks of the zoo are and how they were made', async () => {
    const zoo = await openMixedZoo(join(root, 'whole'));
    const { codes } = zoo.header.recipe as { codes: Record<string, string[]> };
    expect(zoo.groups.map(({ architecture }) => architecture.parameterCount)).toEqual([4970, 4970]);
    expect([...new Set(zoo.fit('run').data)].sort()).toEqual([...Array(9).keys()]);
    expect(lastRows(zoo).length).toBe(9);
    for (const { architecture, first, zoo: own } of zoo.groups) {
      const codesHere = own.fit('activation').data;
      const activation = codes['activation']![codesHere[0]!]!;
      expect(architecture.spec.layers[0]!.activation.kind).toBe(activation);
      expect([...zoo.fit('activation').data.subarray(first, first + own.count)]).toEqual([...codesHere]);
    }
    const split = zoo.split();
    const runs = zoo.fit('run').data;
    runs.forEach((run, row) => expect(split[row]).toBe(split[runs.indexOf(run)]));
    zoo.close();
  });

  test('a network of it, trained again by itself, has the same accuracy and weights', async () => {
    const zoo = await openMixedZoo(join(root, 'whole'));
    const work = trainingZooWork(smallCnnZoo, settings);
    const input = work.chunks[1]!.input as TrainInput;
    const last = input.runs.length - 1;
    const only = <T>(list: readonly T[]): T[] => [list[last]!];
    const more = { activation: only(input.more['activation']!) };
    const alone = await trainShard({
      ...input,
      runs: only(input.runs),
      numbers: only(input.numbers),
      splits: only(input.splits),
      more,
    });
    const row = zoo.fit('run').data.lastIndexOf(input.numbers[last]!);
    const found = zoo.target('test-accuracy').data[row]!;
    expect(alone.target['test-accuracy']!.data[1]).toBe(found);
    const group = zoo.groups.findLast(({ first }) => first <= row)!;
    const weights = group.zoo.parameters()['conv2.weight']!;
    const stride = weights.data.length / group.zoo.count;
    const theirs = weights.data.subarray((row - group.first) * stride, (row - group.first + 1) * stride);
    expect(alone.parameters['conv2.weight']!.data.subarray(stride)).toEqual(theirs);
    zoo.close();
  });

  test('says what is wrong with a command, and makes no folder', async () => {
    const folder = join(root, 'wrong');
    const { code, text } = await generate(folder, ['--images', 'mnits']);
    expect([code, text]).toEqual([2, expect.stringContaining('Allowed choices are mnist, fashion-mnist')]);
    expect(existsSync(folder)).toBe(false);
  });
});

test.each([
  [{ networks: 0 }, 'a zoo needs networks, asked for 0'],
  [{ trainImages: 70_000 }, 'asked for 70000 + 60 and 100'],
  [{ checkpoints: [9] }, '--checkpoints must be at most --epochs 2, got 9'],
  [{ trainImages: 100 }, '--train-images must be at least 160, so that a share of 0.1 makes a batch of 16, got 100'],
])('refuses %j', (wrong, message) => {
  expect(() => trainingZooWork(smallCnnZoo, { ...settings, ...wrong })).toThrow(message);
});

describe('the sample', () => {
  const sample = join(repository, 'data/cnn-zoo/sample');
  test('has networks from chance to nearly all right, of both activations, in all splits', async () => {
    const zoo = await openMixedZoo(sample);
    expect([zoo.count, zoo.groups.length]).toEqual([250, 2]);
    const accuracy = [...zoo.target('test-accuracy').data];
    expect(Math.min(...accuracy)).toBeLessThan(0.15);
    expect(Math.max(...accuracy)).toBeGreaterThan(0.92);
    for (const part of ['train', 'validation', 'test'] as const) expect(zoo.rowsOf(part).length).toBeGreaterThan(30);
    for (const { zoo: own } of zoo.groups) expect(findNonFinite(own.parameters())).toBeUndefined();
    zoo.close();
  });

  test('is drawn', async () => {
    const file = join(root, 'accuracies');
    await plotAccuracies(sample, file, 'Test accuracies');
    expect(readFileSync(`${file}.svg`, 'utf8')).toContain('test accuracy (%)');
    expect(readFileSync(`${file}.png`).subarray(1, 4).toString()).toBe('PNG');
  });
});

test('small CNNs have the published size', () => {
  expect(smallCnn('relu').parameterCount).toBe(4970);
  expect(smallCnn('relu').parameters.map(({ shape }) => shape.join('×'))).toEqual([
    '16×1×3×3',
    '16',
    '16×16×3×3',
    '16',
    '16×16×3×3',
    '16',
    '10×16',
    '10',
  ]);
});

test('settings are drawn from their whole ranges', () => {
  const architectures = new Map(ranges.activation.map((activation) => [activation as string, smallCnn(activation)]));
  const draws = Array.from({ length: 2000 }, (_, i) => drawSmallCnn(RandomStream.fromSeed(i), architectures).run);
  const extent = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;
  for (const [key, { low, high }] of Object.entries({ learningRate: ranges.learningRate, l2: ranges.l2 })) {
    const [least, most] = extent(draws.map((run) => run[key as 'l2']));
    expect(least).toBeGreaterThanOrEqual(low);
    expect(Math.log(least / low)).toBeLessThan(0.1);
    expect(Math.log(high / most)).toBeLessThan(0.1);
  }
  for (const run of draws) {
    const counts = (ranges.initScale.for as readonly string[]).includes(run.initialization);
    if (!counts) expect(run.initScale).toBe(1);
    else expect(run.initScale).toBeLessThanOrEqual(0.5);
  }
  for (const key of ['optimizer', 'initialization', 'trainShare'] as const) {
    expect(new Set(draws.map((run) => run[key]))).toEqual(new Set<string | number>(ranges[key]));
  }
});
