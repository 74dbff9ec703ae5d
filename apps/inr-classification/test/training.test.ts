import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { onlyRun, readJson, temporaryFolder } from '@weightspace/experiment/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runScript, writeSmallZoo } from './support.ts';

const { folder, remove } = temporaryFolder('inr-classification');
const zoo = join(folder, 'zoo.h5');
const settings = [
  '--set',
  `zoo=${zoo}`,
  '--set',
  'training.epochs=6',
  '--set',
  'training.batch=8',
  '--set',
  'training.evaluateEvery=2',
  '--threads',
  '1',
];
const small = [
  ...settings,
  '--set',
  'model.channels=[6,5]',
  '--set',
  'model.frequencies=4',
  '--set',
  'model.probes=3',
  '--set',
  'model.head=[16]',
];

interface Summary {
  readonly metrics: { readonly [name: string]: number };
  readonly baselines: { readonly [model: string]: { readonly [name: string]: number } };
  readonly artifacts: readonly string[];
}
/** What must not depend on when the run was killed: everything but times. */
const untimed = ({ metrics, baselines }: Summary) => {
  const drop = ({ 'step-seconds': _, 'draw-seconds': __, ...rest }: { readonly [name: string]: number }) => rest;
  return {
    metrics: drop(metrics),
    baselines: Object.fromEntries(Object.entries(baselines).map(([name, m]) => [name, drop(m)])),
  };
};
const train = (name: string, more: readonly string[] = [], killWhen?: (printed: string) => boolean) =>
  runScript(
    'train.ts',
    [...small, '--runs-folder', join(folder, name), '--summary', join(folder, `${name}.json`), ...more],
    killWhen,
  );

beforeAll(() => writeSmallZoo(zoo));
afterAll(remove);

describe('inr-classification:train', () => {
  test('learns two classes, compares, and leaves a report, plots and the model', async () => {
    const { code, stdout, stderr } = await train('whole', [
      '--set',
      'baselines=["stat-nn"]',
      '--set',
      'training.epochs=60',
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { metrics, baselines, artifacts } = readJson<Summary>(join(folder, 'whole.json'));
    expect(metrics['test/accuracy']).toBeGreaterThan(0.8);
    expect(baselines['stat-nn']!['test/accuracy']).toBeGreaterThan(0.8);
    for (const name of [
      'report.html',
      'plots/predictions.png',
      'plots/confusion-matrix.svg',
      'classifier.safetensors',
      'classifier.onnx',
    ]) {
      expect(artifacts).toContain(name);
    }
    const last = stdout.trim().split('\n').at(-1)!;
    expect(last.endsWith('summary.json')).toBe(true);
    expect(existsSync(last)).toBe(true);
  });

  test('refuses a zoo without classes, and a batch of more networks than there are', async () => {
    const unlabelled = join(folder, 'unlabelled.h5');
    await writeSmallZoo(unlabelled, undefined, 'digit');
    const other = await train('refused', ['--set', `zoo=${unlabelled}`]);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("expected a target 'label', found digit; choose a zoo with classes");
    const batch = await train('refused', ['--set', 'training.batch=41']);
    expect(batch.code).toBe(1);
    expect(batch.stderr).toContain('trainLoop: batch must be at most the 40 rows, got 41');
  });

  test('killed at several moments and resumed, it ends with the same numbers', async () => {
    const more = ['--set', 'baselines=["flat-mlp"]', '--checkpoint-seconds', '0'];
    await train('undisturbed', more);
    const want = untimed(readJson<Summary>(join(folder, 'undisturbed.json')));
    for (const [i, moment] of ['model: nfn-np', 'model: test accuracy', 'flat-mlp: flat-mlp'].entries()) {
      const name = `killed${i}`;
      const first = await train(name, more, (printed) => printed.includes(moment));
      expect(first.signal).toBe('SIGKILL');
      const second = await train(name, [...more, '--resume']);
      expect(second.code, second.stderr).toBe(0);
      expect(untimed(readJson<Summary>(join(folder, `${name}.json`)))).toEqual(want);
    }
  });

  test('with mixed networks, killed and resumed, it ends with the same numbers', async () => {
    const more = ['--set', 'baselines=[]', '--set', 'training.mixup=mixup-aligned:all', '--checkpoint-seconds', '0'];
    const ended = await train('mixed', more);
    expect(ended.code, ended.stderr).toBe(0);
    const want = untimed(readJson<Summary>(join(folder, 'mixed.json')));
    const first = await train('mixed-killed', more, (printed) => printed.includes('model: nfn-np'));
    expect(first.signal).toBe('SIGKILL');
    const second = await train('mixed-killed', [...more, '--resume']);
    expect(second.code, second.stderr).toBe(0);
    expect(untimed(readJson<Summary>(join(folder, 'mixed-killed.json')))).toEqual(want);
  });

  test.each([
    [['--set', 'training.mixup=mixdown'], 2, 'training.mixup: mixupOf: name must be one of mixup, mixup-permuted'],
    [['--set', 'model.kind=nfn'], 2, 'nfn-np'],
    [['--set', 'model.chanels=[4]'], 2, 'channels'],
    [['--set', 'training.epochs=many'], 2, 'training.epochs'],
    [['--set', 'zoo=nowhere'], 1, 'expected a zoo, found nothing; check the path, or generate the zoo'],
    [['--set', 'augmentation=["mirror"]'], 2, 'name must be one of permutation, sign'],
    [['--set', 'baselines=["nfn"]'], 2, "baselines: must be of 'nfn-np without probes', 'stat-nn'"],
    [['--set', 'trainSize=-5'], 2, 'got -5'],
    [['--set', 'trainSize=1000'], 2, 'has 40 networks for training, asked for 1000'],
  ])('%j is refused with exit code %i', async (args, code, text) => {
    const ended = await train('refused', args);
    expect(ended.stderr).toContain(text);
    expect(ended.code).toBe(code);
  });
});

describe('evaluate and predict', () => {
  const newest = () => onlyRun(join(folder, 'whole'));

  test('give the accuracy of the training, and classes with probabilities', async () => {
    const evaluated = await runScript('evaluate.ts', [
      '--run',
      newest(),
      '--zoo',
      zoo,
      '--summary',
      join(folder, 'evaluated.json'),
    ]);
    expect(evaluated.code, evaluated.stderr).toBe(0);
    const { metrics } = readJson<Summary>(join(folder, 'whole.json'));
    const summary = readJson<Summary>(join(folder, 'evaluated.json'));
    expect(summary.metrics).toEqual({ 'test/accuracy': metrics['test/accuracy'], 'test/networks': 20 });
    expect(Object.keys(summary)).toEqual(Object.keys(readJson(join(folder, 'whole.json'))));
    const predicted = await runScript('predict.ts', ['--run', newest(), '--json', '--limit', '3', zoo]);
    const lines = predicted.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { class: string; probabilities: Record<string, number> });
    expect(lines).toHaveLength(3);
    for (const { class: name, probabilities } of lines) {
      expect(Object.values(probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(probabilities[name]).toBe(Math.max(...Object.values(probabilities)));
    }
  });

  test('refuse networks of another architecture', async () => {
    const other = join(folder, 'other.h5');
    await writeSmallZoo(other, [2, 6, 1]);
    const ended = await runScript('predict.ts', ['--run', newest(), other]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('train a classifier on such networks');
  });

  test('refuse a split without networks, and a summary that cannot be written, before they compute', async () => {
    const empty = await runScript('evaluate.ts', ['--run', newest(), '--zoo', zoo, '--split', 'validation']);
    expect(empty.code).toBe(2);
    expect(empty.stderr).toContain(
      'expected networks of the validation split, found 40 train, 0 validation, 20 test; choose another split or zoo',
    );
    const args = ['--run', newest(), '--zoo', zoo, '--summary', join(zoo, 'x.json')];
    const unwritable = await runScript('evaluate.ts', args);
    expect(unwritable.code).toBe(2);
    expect(unwritable.stderr).toContain('a part of the path is a file');
  });

  test('predict refuses tensors that are not a network, and names what it wants', async () => {
    const file = join(newest(), 'classifier.safetensors');
    const ended = await runScript('predict.ts', ['--run', newest(), file]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /expected layer1.weight as float32 \[5, 2\], found nothing \(the file has .*, … \d+ tensors in all\)/,
    );
  });

  test('say where no classifier is', async () => {
    const ended = await runScript('evaluate.ts', ['--run', folder, '--zoo', zoo]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('expected a trained classifier, found nothing');
  });
});
