import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { readJson, temporaryFolder } from '@weightspace/experiment/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { train, writeSmallZoo } from './support.ts';

const { folder, remove } = temporaryFolder('inr-editing');
const zoo = join(folder, 'zoo.h5');
const settings = [
  `zoo=${zoo}`,
  'training.batch=6',
  'training.evaluateEvery=2',
  'model.channels=[8,7]',
  'model.frequencies=4',
];

interface Summary {
  readonly metrics: { readonly [name: string]: number };
  readonly baselines: { readonly [model: string]: { readonly [name: string]: number } };
  readonly artifacts: readonly string[];
}
const run = (
  name: string,
  more: readonly string[],
  flags: readonly string[] = [],
  killWhen?: (printed: string) => boolean,
) =>
  train(
    [
      ...[...settings, ...more].flatMap((setting) => ['--set', setting]),
      ...['--threads', '1', '--runs-folder', join(folder, name), '--summary', join(folder, `${name}.json`), ...flags],
    ],
    killWhen,
  );

beforeAll(() => writeSmallZoo(zoo));
afterAll(remove);

describe('inr-editing:train', () => {
  test('learns to dilate what small networks draw, and leaves pictures', async () => {
    const { code, stdout, stderr } = await run('whole', ['training.epochs=60', 'training.rate=0.01']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { metrics, baselines, artifacts } = readJson<Summary>(join(folder, 'whole.json'));
    expect(metrics['test/mse-ratio']).toBeLessThan(0.9);
    expect(baselines['unchanged']!['test/mse']).toBe(metrics['test/mse-unchanged']);
    expect(baselines['flat-mlp']!['test/mse']).toBeGreaterThan(0);
    for (const name of ['report.html', 'plots/pictures.png', 'plots/error.svg', 'plots/loss.svg'])
      expect(artifacts).toContain(name);
    expect(existsSync(stdout.trim().split('\n').at(-1)!)).toBe(true);
  });

  test('killed and resumed, it ends with the same numbers', async () => {
    const more = ['training.epochs=4', 'edit=erode'];
    const flags = ['--checkpoint-seconds', '0'];
    await run('undisturbed', more, flags);
    const drop = ({ metrics: { 'step-seconds': _, ...rest } }: Summary) => rest;
    const want = drop(readJson<Summary>(join(folder, 'undisturbed.json')));
    const first = await run('killed', more, flags, (printed) => printed.includes('flat-mlp: flat-mlp'));
    expect(first.signal).toBe('SIGKILL');
    const second = await run('killed', more, [...flags, '--resume']);
    expect(second.code, second.stderr).toBe(0);
    expect(drop(readJson<Summary>(join(folder, 'killed.json')))).toEqual(want);
  });

  test.each([
    ['edit=blur', "edit: must be one of dilate, erode, contrast, got 'blur'"],
    ['baselines=["nfn"]', "baselines: must be of flat-mlp, got 'nfn'"],
    ['model.kind=stat-nn', 'nfn-np'],
    ['trainSize=1000', 'has 30 networks for training, asked for 1000'],
  ])('%s is refused', async (setting, text) => {
    const { code, stderr } = await run('refused', [setting]);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});
