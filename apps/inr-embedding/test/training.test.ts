import { join } from 'node:path';

import { readJson, temporaryFolder } from '@weightspace/experiment/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { train, writeSmallZoo } from './support.ts';

const { folder, remove } = temporaryFolder('inr-embedding');
const zoo = join(folder, 'zoo.h5');
const settings = [
  `zoo=${zoo}`,
  'training.batch=10',
  'model.channels=[8,7]',
  'model.frequencies=4',
  'width=5',
  'training.views=augmented',
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
  train(
    [
      ...[...settings, ...more].flatMap((setting) => ['--set', setting]),
      ...['--threads', '1', '--runs-folder', join(folder, name), '--summary', join(folder, `${name}.json`), ...flags],
    ],
    killWhen,
  );

beforeAll(() => writeSmallZoo(zoo));
afterAll(remove);

describe('inr-embedding:train', () => {
  test('learns, probes and draws maps; killed and resumed, it ends with the same numbers', async () => {
    const more = ['training.epochs=8', 'baselines=["stat-nn"]'];
    const flags = ['--checkpoint-seconds', '0'];
    const whole = await run('whole', more, flags);
    expect(whole.code, whole.stderr).toBe(0);
    const want = readJson<Summary>(join(folder, 'whole.json'));
    for (const name of ['test/accuracy-label', 'test/mse-size', 'test/accuracy-label-untrained'])
      expect(want.metrics[name]).toBeGreaterThanOrEqual(0);
    for (const name of ['plots/map-label.png', 'plots/map-size.svg', 'plots/loss.svg', 'report.html'])
      expect(want.artifacts).toContain(name);
    const first = await run('killed', more, flags, (printed) => printed.includes('stat-nn: stat-nn'));
    expect(first.signal).toBe('SIGKILL');
    const second = await run('killed', more, [...flags, '--resume']);
    expect(second.code, second.stderr).toBe(0);
    const drop = ({ metrics: { 'step-seconds': _, ...rest } }: Summary) => rest;
    expect(drop(readJson<Summary>(join(folder, 'killed.json')))).toEqual(drop(want));
  });

  test.each([
    ['augmentation=[]', 'augmentation: must not be empty: two equal views teach nothing'],
    ['augmentation=["mirror"]', 'augmentation: '],
    ['baselines=["nfn"]', "baselines: must be of flat-mlp, stat-nn, got 'nfn'"],
    ['training.batch=1', 'training.batch'],
    ['training.views=other', "training.views: must be augmented or refits, got 'other'"],
    ['training.views=refits', 'expected two or more networks for each function; set views to augmented'],
    ['trainSize=1000', 'has 30 networks for training, asked for 1000'],
  ])('%s is refused', async (setting, text) => {
    const { code, stderr } = await run('refused', [setting]);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});
