import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { ndarray, RandomStream } from '@weightspace/compute';
import { readJson, temporaryFolder } from '@weightspace/experiment/testing';
import { batchOf } from '@weightspace/inr-classification';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runScript, writeSmallZoo } from './support.ts';

const { folder, remove } = temporaryFolder('inr-classification');
const zoo = join(folder, 'zoo.h5');
const settings = [
  `zoo=${zoo}`,
  'augmentation=["permutation"]',
  'model.blocks=1',
  'model.frequencies=4',
  'model.latents=4',
  'model.width=8',
  'model.hidden=8',
  'reconstruction.batch=8',
  'reconstruction.rate=0.01',
  'classifier.blocks=1',
  'classifier.width=8',
  'classification.batch=8',
  'classification.rate=0.01',
  'copies=1',
];

interface Summary {
  readonly metrics: { readonly [name: string]: number };
  readonly artifacts: readonly string[];
}
const run = (
  name: string,
  more: readonly string[],
  flags: readonly string[] = [],
  killWhen?: (printed: string) => boolean,
) =>
  runScript(
    'inr2array/train.ts',
    [
      ...[...settings, ...more].flatMap((setting) => ['--set', setting]),
      ...['--threads', '1', '--runs-folder', join(folder, name), '--summary', join(folder, `${name}.json`), ...flags],
    ],
    killWhen,
  );
const untimed = ({ metrics }: Summary) =>
  Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.includes('step-seconds')));

beforeAll(() => writeSmallZoo(zoo));
afterAll(remove);

describe('inr-classification:inr2array', () => {
  test('draws nearly what the networks draw, reads their class from the arrays, and leaves pictures', async () => {
    const { code, stdout, stderr } = await run('whole', ['reconstruction.epochs=30', 'classification.epochs=30']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { metrics, artifacts } = readJson<Summary>(join(folder, 'whole.json'));
    expect(metrics['test/mse']).toBeLessThan(0.8 * metrics['test/mse-of-mean']!);
    expect(metrics['test/accuracy']).toBeGreaterThan(0.8);
    for (const name of [
      'report.html',
      'plots/reconstructions.png',
      'plots/reconstruction-loss.svg',
      'plots/accuracy.svg',
    ])
      expect(artifacts).toContain(name);
    expect(existsSync(stdout.trim().split('\n').at(-1)!)).toBe(true);
  });

  test('killed in either stage and resumed, it ends with the same numbers', async () => {
    const more = ['reconstruction.epochs=3', 'classification.epochs=3', 'classification.mixup=true'];
    const flags = ['--checkpoint-seconds', '0'];
    await run('undisturbed', more, flags);
    const want = untimed(readJson<Summary>(join(folder, 'undisturbed.json')));
    for (const [i, moment] of ['reconstruction: ', 'classification: '].entries()) {
      const first = await run(`killed${i}`, more, flags, (printed) => printed.includes(moment));
      expect(first.signal).toBe('SIGKILL');
      const second = await run(`killed${i}`, more, [...flags, '--resume']);
      expect(second.code, second.stderr).toBe(0);
      expect(untimed(readJson<Summary>(join(folder, `killed${i}.json`)))).toEqual(want);
    }
  }, 400_000);

  test.each([
    ['augmentation=["mirror"]', 'name must be one of permutation, sign'],
    ['model.decoder=none', 'model.decoder'],
    ['copies=-1', 'got -1'],
  ])('%s is refused', async (setting, text) => {
    const { code, stderr } = await run('refused', [setting]);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe('batchOf', () => {
  const arrays = ndarray(
    Float32Array.from({ length: 12 }, (_, i) => i),
    [3, 2, 2],
  );
  const data = { arrays, labels: Int32Array.from([0, 2, 1]) };

  test('takes arrays and one-hot labels of rows', () => {
    const { arrays: own, target } = batchOf(data, Int32Array.from([2, 0]), 3);
    expect(own.shape).toEqual([2, 2, 2]);
    expect(Array.from(own.data)).toEqual([8, 9, 10, 11, 0, 1, 2, 3]);
    expect(Array.from(target.data)).toEqual([0, 1, 0, 1, 0, 0]);
  });

  test('mixes arrays and labels of two rows by one share', () => {
    const { arrays: own, target } = batchOf(data, Int32Array.from([0, 1, 2]), 3, RandomStream.fromSeed(4));
    for (let i = 0; i < 3; i++) {
      const row = Array.from(target.data.subarray(i * 3, (i + 1) * 3));
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      const first = row[0]! * 0 + row[2]! * 4 + row[1]! * 8;
      expect(own.data[i * 4]).toBeCloseTo(first, 4);
    }
    expect(target.data.some((v) => v > 0.01 && v < 0.99)).toBe(true);
  });
});
