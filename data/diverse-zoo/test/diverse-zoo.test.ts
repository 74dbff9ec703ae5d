import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { RandomStream } from '@weightspace/compute';
import { diverseZoo, drawDiverseRun, families, familyNames, ranges } from '@weightspace/data-diverse-zoo';
import { imageData, stopAndResume, trainingZooWork } from '@weightspace/network-zoo';
import { openMixedZoo } from '@weightspace/zoo';
import { afterAll, describe, expect, test } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'diverse-zoo-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const images = { images: 'mnist', shrink: 2, trainImages: 64, validationImages: 20, testImages: 40, probeImages: 40 };
const common = { seed: 0, networks: 12, runsEach: 2, epochs: 1, batch: 16, checkpoints: [0, 1] };
const settings = { ...images, ...common, resume: false, quiet: true };

describe('data-diverse-zoo:generate', () => {
  test('stopped and resumed, it ends with the same bytes', async () => {
    const { stopped, whole, resumed } = await stopAndResume(trainingZooWork(diverseZoo, settings), root);
    expect(stopped).toBe(true);
    expect(resumed).toEqual(whole);
  });

  test('has every family, under its code, and each run in one split', async () => {
    const zoo = await openMixedZoo(join(root, 'whole'));
    const { codes } = zoo.header.recipe as { codes: { family: string[] } };
    expect(codes.family).toEqual(familyNames);
    const [family, run, split] = [zoo.fit('family').data, zoo.fit('run').data, zoo.split()];
    expect(new Set(family)).toEqual(new Set(familyNames.keys()));
    for (const { architecture, first } of zoo.groups) {
      expect(architecture.name.replace(' ', '-')).toMatch(new RegExp(`^${codes.family[family[first]!]}`));
    }
    run.forEach((number, row) => expect(split[row]).toBe(split[run.indexOf(number)]));
    zoo.close();
  });
});

test.each(familyNames)('%s reads what it is given, and its architectures differ', (name) => {
  const { form, draw } = families[name]!;
  const { train } = imageData({ set: 'mnist', train: 2, validation: 0, test: 1, probe: 1, shrink: 2, form });
  const drawn = Array.from({ length: 40 }, (_, seed) => draw(RandomStream.fromSeed(seed), [14, 14]));
  for (const { spec, parameterCount } of drawn) {
    const { positions = [], size } = spec.inputs[0]!;
    expect([...positions, size]).toEqual(train.inputs.shape.slice(1));
    expect(parameterCount).toBeLessThan(20_000);
  }
  const names = new Map(drawn.map(({ signature, name: own }) => [signature, own]));
  expect(names.size).toBeGreaterThanOrEqual(4);
  expect(new Set(names.values()).size).toBe(names.size);
});

test('settings are drawn from their ranges', () => {
  const architecture = families['mlp']!.draw(RandomStream.fromSeed(0), [14, 14]);
  const runs = Array.from({ length: 300 }, (_, seed) =>
    drawDiverseRun(RandomStream.fromSeed(seed), architecture, 'mlp'),
  );
  const { low, high, times } = ranges.learningRate;
  for (const { run, more } of runs) {
    const rate = run.learningRate / times[run.optimizer as keyof typeof times];
    expect(rate >= low * 0.999 && rate <= high * 1.001).toBe(true);
    expect(more).toEqual({ family: 'mlp' });
  }
  expect(new Set(runs.map(({ run }) => run.optimizer))).toEqual(new Set(ranges.optimizer));
});
