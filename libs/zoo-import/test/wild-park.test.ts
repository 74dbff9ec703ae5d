import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { importZoo } from '@weightspace/zoo-import';
import { afterAll, describe, expect, test } from 'vitest';

import { expected, expectOutputs, fixtures, imported, temporary, whole } from './support.ts';

const folders = temporary('wild-park');
afterAll(folders.done);
const format = 'cnn-wild-park';
const folder = join(fixtures, 'wild-park');
const paths = Object.keys(expected['wild-park']).toSorted();

describe('the CNN Wild Park', () => {
  test('is imported with networks of all widths, kernels, activations and residuals that compute the same', async () => {
    const { report, zoo } = await imported({ format, folder, to: folders.fresh() });
    expect(report).toEqual({
      done: true,
      rows: 5,
      runs: 3,
      architectures: 3,
      notFinite: 0,
      broken: [],
      split: 'published',
    });
    for (const [row, path] of paths.entries()) await expectOutputs(zoo, row, expected['wild-park'][path]!);
    const kinds = zoo.groups.map(({ architecture }) => architecture.spec.layers.map(({ kind }) => kind).join(' '));
    expect(kinds[1]).toBe('conv2d conv2d conv2d partial-add conv2d partial-add global-pool linear');
    expect(whole(zoo.fit('run'))).toEqual([0, 0, 1, 1, 2]);
    expect(whole(zoo.fit('epoch'))).toEqual([10, 20, 10, 20, 10]);
    expect([...zoo.split()]).toEqual([0, 0, 1, 1, 2]);
    expect(whole(zoo.target('test-accuracy')).map((value) => value.toFixed(2))).toEqual([
      '0.31',
      '0.32',
      '0.41',
      '0.42',
      '0.51',
    ]);
    expect(zoo.target('test-loss').data[1]).toBeCloseTo(1.3, 6);
    expect(zoo.target('train-loss').data[1]).toBeNaN();
    expect(zoo.fit('learning-rate').data[0]).toBeCloseTo(0.001, 9);
    expect(zoo.fit('batch').data[0]).toBe(512);
    zoo.close();
  });

  test('is found without its JSON file, by its folders', async () => {
    const { report, zoo } = await imported({ format, folder: join(folder, 'cifar10_zooV2'), to: folders.fresh() });
    expect(report).toMatchObject({ rows: 5, runs: 3, split: 'own' });
    expect(zoo.target('test-accuracy').data[0]).toBeCloseTo(0.31, 6);
    zoo.close();
  });
});

describe('refusals of a Wild Park', () => {
  const attempt = (from: string, more = {}) => importZoo({ format, folder: from, to: folders.fresh(), ...more });
  const withJson = (change: (text: string) => string) => {
    const copy = folders.copy('wild-park');
    const file = join(copy, 'cnn_park_splits.json');
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    return copy;
  };

  test('an empty folder', async () => {
    const empty = folders.fresh();
    mkdirSync(empty);
    await expect(attempt(empty)).rejects.toThrow(
      /expected cnn_park_splits.json, or folders RUN\/checkpoint_000010\/checkpoint.pt, found none of them/,
    );
  });

  test.each<[string, (text: string) => string, RegExp]>([
    [
      'JSON that is none',
      (text) => text.slice(0, 50),
      /cnn_park_splits.json: expected JSON, found Unterminated string/,
    ],
    [
      'a part that is missing',
      (text) => text.replace('"val"', '"valid"'),
      /cnn_park_splits.json at val: expected lists path and score of one length, found no list of paths/,
    ],
    [
      'a score too few',
      (text) => text.replace(/, 0\.32\d*\]/, ']'),
      /at train: expected lists path and score of one length, found 2 paths, 1 scores/,
    ],
    [
      'a score that is no number',
      (text) => text.replace(/0\.41\d*/, '"good"'),
      /at val, row 0: expected a path and a number, found .*"good"/,
    ],
    [
      'a path that is missing',
      (text) => text.replace('_00000_0_', '_00009_0_'),
      /at train, row 0: expected the file .*_00009_0_.*, found none; unpack the whole download beside the JSON file/,
    ],
    [
      'a run in two parts',
      (text) => {
        const parts = JSON.parse(text) as { [part: string]: { [list: string]: unknown[] } };
        for (const list of ['path', 'score', 'step']) parts['test']![list]!.push(parts['train']![list]!.pop());
        return JSON.stringify(parts);
      },
      /at NN_tune_trainable_00000.*: expected all checkpoints of a run in one part, found train and test/,
    ],
    [
      'a checkpoint twice',
      (text) => {
        const parts = JSON.parse(text) as { [part: string]: { [list: string]: unknown[] } };
        for (const list of ['path', 'score', 'step']) parts['train']![list]!.push(parts['train']![list]![0]);
        return JSON.stringify(parts);
      },
      /expected each checkpoint once, found .*checkpoint_000010\/checkpoint.pt twice/,
    ],
  ])('%s', async (_, change, text) => {
    await expect(attempt(withJson(change))).rejects.toThrow(text);
  });

  test('a damaged checkpoint, which may be left out with its run', async () => {
    const copy = folders.copy('wild-park');
    const file = join(copy, paths[3]!);
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    await expect(attempt(copy)).rejects.toThrow(
      /00001_1.*checkpoint_000020\/checkpoint.pt, byte 5000: expected the end record of a zip/,
    );
    const report = await attempt(copy, { skipBroken: true });
    expect(report).toMatchObject({ rows: 3, runs: 2, split: 'published' });
    expect(report.broken).toHaveLength(1);
    expect(report.broken[0]).toContain(file);
  });

  test('settings and tensors that do not fit each other', async () => {
    const copy = folders.copy('wild-park');
    const [first, , other] = paths;
    // The same length in the pickle: another activation that isn't known.
    const bytes = readFileSync(join(copy, first!));
    writeFileSync(join(copy, first!), Buffer.from(bytes.toString('latin1').replaceAll('relu', 'relo'), 'latin1'));
    await expect(attempt(copy)).rejects.toThrow(
      /checkpoint.pt at config.activation.0: expected one of relu, gelu, tanh, sigmoid, leaky_relu, none, found 'relo'/,
    );
    const renamed = Buffer.from(bytes.toString('latin1').replaceAll('layers.1.bias', 'layers.7.bias'), 'latin1');
    writeFileSync(join(copy, first!), renamed);
    await expect(attempt(copy)).rejects.toThrow(
      /expected a tensor model.layers.1.bias, float32 \[8\], found model.layers.0.weight, .*layers.7.bias/,
    );
    rmSync(join(copy, other!));
    expect(readdirSync(copy)).toContain('cnn_park_splits.json');
  });
});
