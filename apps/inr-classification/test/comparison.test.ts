import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { siren } from '@weightspace/architecture';
import { meanInterval } from '@weightspace/experiment';
import { onlyRun, readJson, temporaryFolder } from '@weightspace/experiment/testing';
import {
  availableRecipes,
  checkOrder,
  inrComparison,
  publishedOrder,
  recipes,
  tableAsCsv,
  tableAsMarkdown,
} from '@weightspace/inr-classification';
import type { ComparisonRow } from '@weightspace/inr-classification';
import { augmentationsOf } from '@weightspace/augmentation';
import { createMetanet } from '@weightspace/metanet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runScript, writeSmallZoo } from './support.ts';

const row = (model: string, accuracies: readonly number[], more: Partial<ComparisonRow> = {}): ComparisonRow => ({
  model,
  accuracies,
  accuracy: meanInterval(accuracies),
  parameters: 12_345,
  stepSeconds: 0.01234,
  batch: 64,
  epochs: 40,
  published: undefined,
  ...more,
});

describe('the table', () => {
  const rows = [row('dws', [0.8, 0.82, 0.84], { published: '≈ 85.7' }), row('flat-mlp', [0.5])];
  test('has a line per model, with intervals over seeds', () => {
    expect(tableAsMarkdown(rows).split('\n')).toEqual([
      '| model    | test accuracy in % | seeds | parameters | step in ms | batch | epochs | published in % |',
      '| -------- | -----------------: | ----: | ---------: | ---------: | ----: | -----: | -------------: |',
      // t = 4.303 for two degrees of freedom, deviation 2 %: 4.303 · 2 / √3 = 4.97.
      '| dws      |         82.0 ± 5.0 |     3 |     12,345 |       12.3 |    64 |     40 |         ≈ 85.7 |',
      '| flat-mlp |               50.0 |     1 |     12,345 |       12.3 |    64 |     40 |                |',
    ]);
  });
  test('is also there for programs, with empty bounds where there is one seed', () => {
    const [header, first, second] = tableAsCsv(rows).trim().split('\n');
    expect(header!.split(',')).toHaveLength(first!.split(',').length);
    expect(first).toMatch(/^dws,0.82,0.77\d*,0.869\d*,3,0.8 0.82 0.84,12345,0.01234,64,40,≈ 85.7$/);
    expect(second).toBe('flat-mlp,0.5,,,1,0.5,12345,0.01234,64,40,');
  });
});

describe('checkOrder', () => {
  const orders = [{ lower: ['a', 'b'], upper: ['c'] }];
  test('compares the best of the lower with the worst of the upper models', () => {
    const apart = [row('a', [0.1, 0.11, 0.12]), row('b', [0.2, 0.21, 0.22]), row('c', [0.8, 0.81, 0.82])];
    expect(checkOrder(apart, orders)).toMatchObject([
      { observed: true, apart: true, text: 'a, b < c: observed, intervals apart (b 21.0 %, c 81.0 %)' },
    ]);
    const wide = [row('a', [0.1, 0.5, 0.6]), row('c', [0.7, 0.8])];
    expect(checkOrder(wide, orders)).toMatchObject([{ observed: true, apart: false }]);
  });
  test('says when an order is not observed, and nothing of models that are not there', () => {
    const wrong = [row('a', [0.1, 0.1]), row('b', [0.9, 0.9]), row('c', [0.8, 0.8])];
    expect(checkOrder(wrong, orders)).toMatchObject([
      { observed: false, apart: false, text: 'a, b < c: not observed (b 90.0 %, c 80.0 %)' },
    ]);
    expect(checkOrder([row('a', [0.1])], orders)).toEqual([]);
    expect(checkOrder([row('a', [0.1]), row('c', [0.2])], orders)).toMatchObject([{ observed: true, apart: false }]);
  });
});

describe('the recipes', () => {
  test('are complete: each one that is available makes a model and its augmentation', () => {
    expect(availableRecipes()).toContain('nfn-np');
    const architecture = siren({ sizes: [2, 32, 32, 1], omega: 30, outputOffset: 0.5 });
    for (const name of availableRecipes()) {
      const { kind, settings, augmentation } = recipes[name]!;
      expect(createMetanet(kind, architecture, 10, settings).parameterCount, name).toBeGreaterThan(0);
      expect(augmentationsOf(augmentation).draw, name).toBeDefined();
    }
  });
  test('have names that can be those of stages, and the published order is of them', () => {
    for (const name of Object.keys(recipes)) expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    for (const { lower, upper } of publishedOrder)
      for (const name of [...lower, ...upper]) expect(Object.keys(recipes)).toContain(name);
  });
});

describe('inr-classification:compare', () => {
  const { folder, remove } = temporaryFolder('inr-classification');
  const zoo = join(folder, 'zoo.h5');
  beforeAll(() => writeSmallZoo(zoo));
  afterAll(remove);
  const compare = (name: string, more: readonly string[] = [], killWhen?: (printed: string) => boolean) =>
    runScript(
      'compare.ts',
      [
        ...['--set', `zoo=${zoo}`, '--set', 'models=["flat-mlp","stat-nn"]', '--set', 'seeds=[0,1,2]'],
        ...['--set', 'epochs=6', '--set', 'batch=8', '--threads', '1', '--checkpoint-seconds', '0'],
        ...['--runs-folder', join(folder, name), '--summary', join(folder, `${name}.json`), ...more],
      ],
      killWhen,
    );
  interface Summary {
    readonly metrics: { readonly [name: string]: number };
    readonly baselines: { readonly [model: string]: { readonly [name: string]: number } };
  }
  const untimed = ({ baselines }: Summary) =>
    Object.fromEntries(Object.entries(baselines).map(([name, m]) => [name, { ...m, 'step-seconds': 0 }]));

  test('trains each model once per seed, and leaves a table, a plot and the order', async () => {
    const { code, stdout, stderr } = await compare('whole');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/\| flat-mlp \|\s+\d+\.\d ± \d+\.\d \|\s+3 \|/);
    expect(stdout).toMatch(/order flat-mlp < stat-nn: (not )?observed/);
    const run = onlyRun(join(folder, 'whole'));
    const csv = readFileSync(join(run, 'comparison.csv'), 'utf8').trim().split('\n');
    expect(csv).toHaveLength(3);
    expect(readFileSync(join(run, 'comparison.md'), 'utf8')).toContain('The published order:');
    expect(existsSync(join(run, 'plots/comparison.png'))).toBe(true);
    const { metrics, baselines } = readJson<Summary>(join(folder, 'whole.json'));
    expect(metrics['models']).toBe(2);
    expect(Object.keys(baselines)).toEqual(['flat-mlp', 'stat-nn']);
    const { 'test/accuracy': mean, 'test/accuracy-low': low } = baselines['stat-nn']!;
    expect(low).toBeLessThanOrEqual(mean!);
  });

  test('killed within a model and resumed, it ends with the same numbers', async () => {
    const want = untimed(readJson<Summary>(join(folder, 'whole.json')));
    const first = await compare('killed', [], (printed) => printed.includes('flat-mlp: test accuracy'));
    expect(first.signal).toBe('SIGKILL');
    const second = await compare('killed', ['--resume']);
    expect(second.code, second.stderr).toBe(0);
    expect(untimed(readJson<Summary>(join(folder, 'killed.json')))).toEqual(want);
  });

  test.each([
    [{ models: ['flat-mlp', 'flat-mlp'] }, "models: must be different names, got 'flat-mlp' twice"],
    [{ models: [] }, 'models: must be one or more names of recipes, got []'],
    [{ seeds: [1, 1] }, 'seeds: must be one or more different whole numbers, got [1,1]'],
    [{ seeds: [] }, 'seeds: must be one or more different whole numbers, got []'],
    [{ seeds: [0.5] }, 'seeds: must be one or more different whole numbers, got [0.5]'],
  ])('%j is refused', (settings, text) => {
    expect(inrComparison.check!({ ...inrComparison.config, seed: 0, ...settings } as never)).toBe(text);
  });

  test('an unknown model is refused with those that there are', async () => {
    const { code, stderr } = await compare('refused', ['--set', 'models=["flatmlp"]']);
    expect(stderr).toContain('models: must be of flat-mlp, flat-mlp-permuted, stat-nn');
    expect(code).toBe(2);
  });
});
