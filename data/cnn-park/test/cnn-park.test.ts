import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { RandomStream } from '@weightspace/compute';
import { cnnPark, drawParkCnn, ranges } from '@weightspace/data-cnn-park';
import { stopAndResume, trainingZooWork } from '@weightspace/network-zoo';
import { openMixedZoo } from '@weightspace/zoo';
import { afterAll, describe, expect, test } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'cnn-park-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const images = { images: 'mnist', shrink: 4, trainImages: 64, validationImages: 20, testImages: 40, probeImages: 40 };
const common = { seed: 0, networks: 6, runsEach: 2, epochs: 2, batch: 16, checkpoints: [1, 2] };
const settings = { ...images, ...common, resume: false, quiet: true };

describe('data-cnn-park:generate', () => {
  test('stopped and resumed, it ends with the same bytes', async () => {
    const { stopped, whole, resumed } = await stopAndResume(trainingZooWork(cnnPark, settings), root);
    expect(stopped).toBe(true);
    expect(resumed).toEqual(whole);
  });

  test('has one architecture for the runs that share one, in one split', async () => {
    const zoo = await openMixedZoo(join(root, 'whole'));
    const run = zoo.fit('run').data;
    for (const { zoo: own, first } of zoo.groups) {
      const runs = new Set(run.subarray(first, first + own.count));
      expect(new Set(Array.from(runs, (number) => Math.floor(number / 2))).size).toBe(1);
      expect([runs.size, new Set(own.split()).size]).toEqual([2, 1]);
    }
    zoo.close();
  });

  test('refuses sizes that pictures cannot have, and architectures without runs', () => {
    expect(() => trainingZooWork(cnnPark, { ...settings, shrink: 3 })).toThrow(
      'shrink must be a divisor of 28 and 28, the rows and columns of mnist, got 3',
    );
    expect(() => trainingZooWork(cnnPark, { ...settings, runsEach: 0 })).toThrow(
      '--runs-each must be 1 or more, got 0',
    );
  });
});

test('architectures are drawn from the whole recipe', () => {
  const drawn = Array.from({ length: 400 }, (_, seed) => drawParkCnn(RandomStream.fromSeed(seed), [7, 7]));
  const layers = drawn.map(({ spec }) => spec.layers);
  const convs = layers.map((own) => own.filter(({ kind }) => kind === 'conv2d'));
  const all = convs.flat();
  expect(new Set(convs.map(({ length }) => length))).toEqual(new Set(ranges.layers));
  expect(new Set(all.map((layer) => layer['size']))).toEqual(new Set(ranges.channels));
  expect(new Set(all.map((layer) => (layer['kernel'] as number[])[0]))).toEqual(new Set(ranges.kernel));
  const kinds = new Set(layers.flat().map(({ activation }) => activation.kind as string));
  expect(kinds).toEqual(new Set<string>(ranges.activation));
  // Layer i has i equally likely choices, one of which is none.
  const sums = layers.flat().filter(({ kind }) => kind === 'partial-add').length;
  const chance = convs.flatMap((own) => own.map((_, i) => (i < 2 ? 0 : (i - 1) / i))).reduce((sum, p) => sum + p);
  expect(Math.abs(sums / chance - 1)).toBeLessThan(0.1);
});
