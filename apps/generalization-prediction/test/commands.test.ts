import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { cnn, initialize } from '@weightspace/architecture';
import { tensorOf, writeNpz, writeSafetensors } from '@weightspace/checkpoint';
import { mapValues, ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';
import { runCommand, runExperiment } from '@weightspace/experiment';
import type { ProjectCommand } from '@weightspace/experiment';
import { onlyRun, readJson, runHere, temporaryFolder } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';
import {
  attributeCommand,
  dataEfficiency,
  generalizationComparison,
  generalizationPrediction,
  loadRows,
  outOfDistribution,
  predictCommand,
  weightsOf,
} from '@weightspace/generalization-prediction';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { importAppScript, killTrain, writeMiniZoo } from './support.ts';

const { folder, remove } = temporaryFolder('generalization-prediction');
const [one, mixed] = [join(folder, 'one'), join(folder, 'mixed')];
beforeAll(async () => {
  await writeMiniZoo(one, 40);
  await writeMiniZoo(mixed, 20, true);
});
afterAll(remove);

const set = (settings: { readonly [name: string]: unknown }): string[] =>
  Object.entries(settings).flatMap(([name, value]) => [
    '--set',
    `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ]);
const small = { seeds: [0], samples: 60, 'training.batch': 16, 'training.looks': 4 };
type Settings = { readonly [name: string]: unknown };
const argsOf = (name: string, settings: Settings, more: readonly string[] = []): string[] => [
  ...set({ ...small, ...settings }),
  ...['--threads', '1', '--runs-folder', join(folder, name), '--summary', join(folder, `${name}.json`)],
  ...['--no-tracking', ...more],
];
/** In this process: a start of one takes longer than such a training. */
const run = (experiment: unknown, name: string, settings: Settings, more: readonly string[] = []): Promise<Ended> =>
  runHere((streams) => runExperiment(experiment as never, argsOf(name, settings, more), { streams, env: {} }));
const train = (name: string, settings: Settings, more: readonly string[] = []) =>
  run(generalizationPrediction, name, settings, more);
/** Kills a training at each of the moments, going on in between, and lets it end. */
async function killedAt(moments: readonly string[], name: string, settings: Settings): Promise<Summary> {
  for (const [i, moment] of moments.entries()) {
    const args = argsOf(name, settings, [...often, ...(i === 0 ? [] : ['--resume'])]);
    const { signal, stderr } = await killTrain(args, (printed) => printed.includes(moment));
    expect(signal, stderr).toBe('SIGKILL');
  }
  const ended = await train(name, settings, [...often, '--resume']);
  expect(ended.code, ended.stderr).toBe(0);
  onlyRun(join(folder, name));
  return summaryOf(name);
}
const often = ['--checkpoint-seconds', '0'];

interface Summary {
  readonly metrics: { readonly [name: string]: number };
  readonly baselines: { readonly [model: string]: { readonly [name: string]: number } };
  readonly artifacts: readonly string[];
}
const summaryOf = (name: string) => readJson<Summary>(join(folder, `${name}.json`));
/** What must not depend on when the run was killed: everything but times. */
const untimed = ({ metrics, baselines }: Summary) => {
  const timeless = (m: { readonly [name: string]: number }) => ({ ...m, 'step-seconds': 0 });
  return { metrics: timeless(metrics), baselines: mapEntries(baselines, timeless) };
};
const mapEntries = <T>(record: { readonly [name: string]: T }, f: (value: T) => T) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));

const statNn = { 'model.kind': 'stat-nn', 'model.head': [32], zoo: one, 'training.epochs': 40, 'training.rate': 5e-3 };

describe('train', () => {
  test('ranks unseen networks, beside what is known without weights, and leaves plots, tables and the model', async () => {
    const { code, stdout, stderr } = await train('whole', {
      ...statNn,
      seeds: [0, 1, 2],
      baselines: ['flat-mlp'],
    });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { metrics, baselines, artifacts } = summaryOf('whole');
    expect(metrics['test/kendall-tau']).toBeGreaterThan(0.75);
    expect(metrics['test/kendall-tau-low']).toBeLessThan(metrics['test/kendall-tau']!);
    expect(metrics['test/kendall-tau-seeds-high']).toBeGreaterThan(metrics['test/kendall-tau']!);
    expect(metrics['test/r2']).toBeGreaterThan(0.6);
    expect(Object.keys(baselines)).toEqual(['flat-mlp', 'train accuracy known']);
    expect(baselines['train accuracy known']!['test/kendall-tau']).toBeGreaterThan(0.5);
    for (const name of ['predictor.json', 'comparison.csv', 'plots/comparison.png', 'plots/loss.svg', 'report.html'])
      expect(artifacts).toContain(name);
    expect(artifacts).toContain('plots/predictions-by-learning-rate.png');
    expect(stdout).toContain("Kendall's τ of stat-nn less that of flat-mlp");
  });
  test('predicts any number with the squared error', async () => {
    const { code, stderr } = await train('loss', {
      ...statNn,
      target: 'test-loss',
      'training.loss': 'mse',
      'training.choose': 'loss',
      baselines: [],
    });
    expect(code, stderr).toBe(0);
    expect(summaryOf('loss').metrics['test/kendall-tau']).toBeGreaterThan(0.6);
  });
  test('killed at several moments and resumed, it ends with the same numbers', async () => {
    const settings = { ...statNn, seeds: [0, 1], 'training.epochs': 12, baselines: ['flat-mlp'] };
    expect((await train('undisturbed', settings, often)).code).toBe(0);
    const moments = ['model-seed0: stat-nn', 'model-seed1: stat-nn', 'flat-mlp-seed0: flat-mlp'];
    expect(untimed(await killedAt(moments, 'killed', settings))).toEqual(untimed(summaryOf('undisturbed')));
  });
  test.each(['grouped', 'packed'])(
    'on several architectures (%s), killed and resumed, it ends with the same numbers',
    async (batching) => {
      const settings = {
        ...{ zoo: mixed, 'model.kind': 'ng-gnn', 'model.channels': 6, 'model.frequencies': 4, 'model.depth': 2 },
        ...{ baselines: [], 'training.epochs': 3, 'training.batching': batching },
      };
      const whole = await train(`${batching}-whole`, settings, often);
      expect(whole.code, whole.stderr).toBe(0);
      const killed = await killedAt(['model-seed0: ng-gnn'], `${batching}-killed`, settings);
      expect(untimed(killed)).toEqual(untimed(summaryOf(`${batching}-whole`)));
    },
  );
  test.each([
    [{ zoo: 'nowhere' }, 1, 'expected a zoo, found nothing'],
    [{ ...statNn, target: 'tset' }, 2, 'target: must be of zoo, depth'],
    [{ ...statNn, target: 'epoch' }, 2, 'training.loss: bce needs targets in [0, 1], got'],
    [{ ...statNn, 'model.hed': [3] }, 2, 'head'],
    [{ ...statNn, seeds: [1, 1] }, 2, 'seeds: must be one or more different whole numbers, got [1,1]'],
    [{ ...statNn, baselines: ['nfn'] }, 2, 'models: must be of stat-nn, flat-mlp'],
    [{ zoo: mixed, 'model.kind': 'flat-mlp' }, 2, 'model.kind: must be one of'],
    [{ ...statNn, 'training.loss': 'hinge' }, 2, 'training.loss'],
  ])('%j is refused with exit code %i', async (settings, code, text) => {
    const ended = await train('refused', settings);
    expect(ended.stderr).toContain(text);
    expect(ended.code).toBe(code);
  });
});

describe('compare, data-efficiency and out-of-distribution', () => {
  test('compare has a row for each model that takes the zoo, and says which are left out', async () => {
    const { code, stdout, stderr } = await run(generalizationComparison, 'compared', {
      zoo: mixed,
      models: ['stat-nn', 'flat-mlp'],
      'training.epochs': 8,
      groupBy: 'activation',
    });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/Kendall's τ by activation:\n\n\| activation +\| +rows \| +runs \| +stat-nn \|\n/);
    expect(stdout).toMatch(/^\| tanh +\| +\d+ \| +\d+ \| +-?\d\.\d{3}/m);
    const compared = onlyRun(join(folder, 'compared'));
    expect(readFileSync(join(compared, 'comparison.md'), 'utf8')).toContain("## Kendall's τ by activation\n\n| activ");
    const lines = readFileSync(join(compared, 'tau-by-activation.csv'), 'utf8').trim().split('\n');
    expect(lines.map((line) => line.split(',')[0])).toEqual(['"activation"', '"relu"', '"tanh"']);
    expect(stdout).toContain('left out, since they take one architecture: flat-mlp');
    const csv = readFileSync(join(onlyRun(join(folder, 'compared')), 'comparison.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(csv.map((line) => line.split(',')[0])).toEqual(['model', 'stat-nn', 'train accuracy known']);
    expect(csv[1]!.split(',')).toHaveLength(csv[0]!.split(',').length);
    expect(Object.keys(summaryOf('compared').baselines)).toEqual(['stat-nn', 'train accuracy known']);
  });
  test('compare names the columns that there are before it trains', async () => {
    const settings = { zoo: one, models: ['stat-nn'], groupBy: 'colour' };
    const { code, stdout, stderr } = await run(generalizationComparison, 'colours', settings);
    expect(code).toBe(2);
    expect(stderr).toMatch(/groupBy: must be of zoo, .*epoch.*, got 'colour'/);
    expect(stdout).not.toContain('stat-nn-seed0');
  });
  test('data-efficiency trains on shares of the runs, smaller ones for more epochs', async () => {
    const settings = { zoo: one, models: ['stat-nn'], shares: [0.25, 1], 'training.epochs': 8 };
    const { code, stderr } = await run(dataEfficiency, 'shares', settings);
    expect(code, stderr).toBe(0);
    const own = onlyRun(join(folder, 'shares'));
    const rows = readFileSync(join(own, 'data-efficiency.csv'), 'utf8').trim().split('\n').slice(1);
    expect(rows.map((line) => line.split(',').slice(0, 4).join())).toEqual(['stat-nn,0.25,6,12', 'stat-nn,1,24,48']);
    expect(readFileSync(join(own, 'data-efficiency.md'), 'utf8')).toMatch(/25 % .* 32 \|/);
    expect(existsSync(join(own, 'plots/data-efficiency.png'))).toBe(true);
  });
  test('out-of-distribution has kept and held-out rows, and what a model that saw all reaches', async () => {
    const { code, stderr } = await run(outOfDistribution, 'held', {
      zoo: mixed,
      models: ['stat-nn'],
      heldOut: ['largest:depth', 'activation=relu'],
      'training.epochs': 8,
    });
    expect(code, stderr).toBe(0);
    const table = readFileSync(join(onlyRun(join(folder, 'held')), 'out-of-distribution.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(table.map((line) => line.split(',').slice(0, 3).join())).toEqual([
      'held_out,model,rows',
      '"largest:depth","stat-nn",8',
      '"largest:depth","train accuracy known",8',
      '"activation=relu","stat-nn",16',
      '"activation=relu","train accuracy known",16',
    ]);
    for (const line of [table[1]!, table[3]!])
      expect(
        line
          .split(',')
          .slice(3)
          .every((cell) => cell !== ''),
      ).toBe(true);
  });
});

describe('predict and attribute', () => {
  const trained = () => onlyRun(join(folder, 'whole'));
  const call = <O>(command: ProjectCommand<O>, ...args: string[]) =>
    runHere((streams) => runCommand(command, args, streams));
  const predict = (...args: string[]) => call(predictCommand, '--run', trained(), '--json', ...args);
  interface Line {
    readonly 'test-accuracy': number;
    readonly truth?: number;
    readonly architecture: string;
    readonly seen: boolean;
    readonly distance: number;
    readonly warnings: readonly string[];
    readonly notes: readonly string[];
  }
  const linesOf = (stdout: string) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);

  test('a checkpoint in any format has the prediction of the zoo’s row, whatever its tensors are called', async () => {
    const rows = await loadRows([one]);
    const { architecture } = rows.groups[0]!;
    const weights = mapValues(weightsOf(rows, [6]), (array) => ({ ...array, shape: array.shape.slice(1) }) as NdArray);
    const renamed = architecture.parameters.map(({ name }, i) => {
      const torch = `features.${(i >> 1) << 1}.${name.split('.')[1]}`;
      return tensorOf(torch, weights[name] as NdArray<'float32'>);
    });
    const files = ['a.safetensors', 'b.npz'].map((name) => join(folder, name));
    writeSafetensors(files[0]!, renamed, {});
    writeNpz(
      files[1]!,
      architecture.parameters.map(({ name }) => tensorOf(name, weights[name] as NdArray<'float32'>)),
    );
    const { stdout, stderr, code } = await predict(...files, one, '--first', '6', '--limit', '1');
    expect(code, stderr).toBe(0);
    const [first, second, row] = linesOf(stdout);
    expect(first!['test-accuracy']).toBeCloseTo(row!['test-accuracy'], 6);
    expect(second!['test-accuracy']).toBeCloseTo(row!['test-accuracy'], 6);
    expect(first!.seen).toBe(true);
    expect(row!.truth).toBeGreaterThan(0);
    expect(first!.warnings).toEqual([]);
  });
  test('warns of weights unlike those of the training, and says how far', async () => {
    const rows = await loadRows([one]);
    const { architecture } = rows.groups[0]!;
    const far = mapValues(weightsOf(rows, [0]), ({ data, shape }) =>
      ndarray(
        Float32Array.from(data, (x) => 50 * x),
        shape.slice(1),
      ),
    );
    const file = join(folder, 'far.npz');
    writeNpz(
      file,
      architecture.parameters.map(({ name }) => tensorOf(name, far[name]!)),
    );
    const [line] = linesOf((await predict(file)).stdout);
    expect(line!.distance).toBeGreaterThan(8);
    expect(line!.warnings[0]).toMatch(/its weights are [\d.]+ from the training networks \(Mahalanobis distance; half/);
    expect(line!.warnings.join()).toMatch(
      /log10 of the root mean square of the weights is [-\d.]+, outside of .* \(\+[\d.]+ deviations\)/,
    );
    const text = await call(predictCommand, '--run', trained(), file);
    expect(text.stdout).toMatch(/far.npz: test-accuracy [\d.]+ %; mini 4-3 relu, 163 parameters; distance/);
    expect(text.stdout).toContain('  warning: its weights are');
  });
  test('a network of another architecture is refused by a predictor of one, and told by a mixed one', async () => {
    const architecture = cnn({
      input: { positions: [8, 8], size: 1 },
      features: [6, 3],
      outputs: 3,
      activation: 'relu',
    });
    const made = initialize(architecture, RandomStream.fromSeed(1), { count: 1 });
    const file = join(folder, 'wider.npz');
    writeNpz(
      file,
      architecture.parameters.map(({ name }) =>
        tensorOf(name, { ...made[name]!, shape: made[name]!.shape.slice(1) } as NdArray<'float32'>),
      ),
    );
    const refused = await predict(file, '--positions', '8,8', '--activation', 'relu');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('stat-nn was made for networks like 1-4-3-3-3');
    const mixedRun = onlyRun(join(folder, 'packed-whole'));
    const args = ['--run', mixedRun, '--json', file, '--positions', '8,8', '--activation', 'relu'];
    const { stdout, stderr, code } = await call(predictCommand, ...args);
    expect(code, stderr).toBe(0);
    const [line] = linesOf(stdout);
    expect(line!.seen).toBe(false);
    expect(line!.warnings[0]).toMatch(
      /no network of this architecture was trained on: .*width 6 where training had 4 to 5/,
    );
  });
  test('attribute writes pictures and numbers that add up', async () => {
    const out = join(folder, 'attribution');
    const { stdout, stderr, code } = await call(attributeCommand, '--run', trained(), one, '--row', '3', '--out', out);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/\| conv1 +\|/);
    const { gap, output, baseline, layers } = readJson<{
      gap: number;
      output: number;
      baseline: number;
      layers: { sum: number }[];
    }>(join(out, 'attribution.json'));
    expect(Math.abs(gap)).toBeLessThan(0.01 * Math.abs(output - baseline));
    expect(layers.reduce((sum, layer) => sum + layer.sum, 0)).toBeCloseTo(output - baseline + gap, 3);
    for (const name of ['attribution.png', 'attribution.svg', 'layers.png', 'attribution.safetensors'])
      expect(existsSync(join(out, name)), name).toBe(true);
  });
  test('say where no predictor is, and what no checkpoint is', async () => {
    const nowhere = await call(predictCommand, '--run', folder, one);
    expect(nowhere.code).toBe(2);
    expect(nowhere.stderr).toContain('expected a trained predictor, found nothing');
    const wrong = await predict(join(one, 'manifest.jsonl'));
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('manifest.jsonl');
  });
});

test.each([
  ['compare', 'generalization-comparison: '],
  ['data-efficiency', 'generalization-data-efficiency: '],
  ['out-of-distribution', 'generalization-out-of-distribution: '],
  ['predict', 'Usage: generalization-prediction:predict [options] <files...>'],
  ['attribute', 'Usage: generalization-prediction:attribute [options] <file>'],
])('the script %s is the command', async (name, start) => {
  const { code, stdout, stderr } = await importAppScript(`${name}.ts`, ['--help']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.startsWith(start), stdout).toBe(true);
});
