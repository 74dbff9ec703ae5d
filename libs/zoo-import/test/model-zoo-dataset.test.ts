import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { resnet } from '@weightspace/architecture';
import { importZoo, torchvisionName } from '@weightspace/zoo-import';
import { afterAll, describe, expect, test } from 'vitest';

import { expected, expectOutputs, fixtures, imported, temporary, whole } from './support.ts';

const folders = temporary('model-zoo-dataset');
afterAll(folders.done);
const format = 'model-zoo-dataset';
const folder = join(fixtures, format);
const runs = readdirSync(folder)
  .filter((name) => name.startsWith('NN_'))
  .toSorted();

describe('ModelZooDataset', () => {
  test('is imported with networks of both sizes, with and without dropout, that compute the same', async () => {
    const { report, zoo } = await imported({ format, folder, to: folders.fresh() });
    expect(report).toEqual({ done: true, rows: 5, runs: 3, architectures: 3, notFinite: 0, broken: [], split: 'own' });
    const rows = ['checkpoint_000000', 'checkpoint_000002'].map((name) => `${runs[0]}/${name}`);
    rows.push(`${runs[1]}/checkpoint_0`, `${runs[1]}/checkpoint_2`, `${runs[2]}/checkpoint_000000`);
    for (const [row, path] of rows.entries()) await expectOutputs(zoo, row, expected['model-zoo-dataset'][path]!);
    expect(whole(zoo.fit('run'))).toEqual([0, 0, 1, 1, 2]);
    expect(whole(zoo.fit('epoch'))).toEqual([0, 2, 0, 2, 0]);
    expect(whole(zoo.target('test-accuracy')).map((value) => value.toFixed(2))).toEqual([
      '0.10',
      '0.28',
      '0.11',
      '0.29',
      '0.12',
    ]);
    expect(zoo.target('validation-accuracy').data[1]).toBeCloseTo(0.26, 6);
    expect(zoo.fit('dropout').data[2]).toBe(0.5);
    const { codes } = zoo.header.recipe as { codes: { [name: string]: string[] } };
    expect(codes).toEqual({
      optimizer: ['adam', 'sgd'],
      initialization: ['kaiming_normal', 'uniform'],
      activation: ['gelu', 'leakyrelu', 'tanh'],
    });
    expect(whole(zoo.fit('activation'))).toEqual([2, 2, 0, 0, 1]);
    zoo.close();
  });

  test('takes the last checkpoint of each run where that is asked for', async () => {
    const { zoo } = await imported({ format, folder, to: folders.fresh(), final: true });
    expect(whole(zoo.fit('epoch'))).toEqual([2, 2, 0]);
    zoo.close();
  });
});

test('torchvisionName gives the names of a ResNet-18 in PyTorch', () => {
  const { parameters } = resnet({ stem: 'cifar', positions: [32, 32], outputs: 10 });
  const names = parameters.map(({ name }) => torchvisionName(name));
  expect(names.slice(0, 6)).toEqual([
    ...['conv1.weight', 'bn1.weight', 'bn1.bias', 'bn1.running_mean', 'bn1.running_var', 'layer1.0.conv1.weight'],
  ]);
  expect(names).toContain('layer2.0.downsample.0.weight');
  expect(names).toContain('layer4.1.bn2.running_var');
  expect(names.at(-1)).toBe('fc.bias');
  // 20 convolutions, 20 norms of four, a linear layer of two: as torchvision's, without its counters of batches.
  expect(names).toHaveLength(20 + 4 * 20 + 2);
});

describe('refusals of ModelZooDataset', () => {
  const attempt = (from: string, more = {}) => importZoo({ format, folder: from, to: folders.fresh(), ...more });
  const inFirst = (name: string, change: (text: string) => string) => {
    const copy = folders.copy(format);
    const file = join(copy, runs[0]!, name);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    return copy;
  };

  test('a folder without runs', async () => {
    const empty = folders.fresh();
    mkdirSync(join(empty, 'other'), { recursive: true });
    await expect(attempt(empty)).rejects.toThrow(
      /expected folders of runs, each with params.json, found 1 folders without/,
    );
    await expect(attempt('/nowhere')).rejects.toThrow(
      /\/nowhere: expected folders of runs, each with params.json, found no folders/,
    );
  });

  test.each<[string, string, (text: string) => string, RegExp]>([
    ['settings that are no JSON', 'params.json', () => '{', /params.json: expected JSON, found/],
    ['settings that are a list', 'params.json', () => '[1]', /params.json: expected a JSON object, found '\[1\]'/],
    [
      'another network',
      'params.json',
      (text) => text.replace('"CNN"', '"CNN_ARD"'),
      /params.json at model::type: expected one of CNN, CNN2, CNN3, Resnet18, found 'CNN_ARD'; zoos of other networks, such as the sparse twins, are not read/,
    ],
    [
      'another activation',
      'params.json',
      (text) => text.replace('"tanh"', '"sin"'),
      /params.json at model::nlin: expected one of tanh, .*found 'sin'/,
    ],
    [
      'a rate that is a text',
      'params.json',
      (text) => text.replace('0.003', '"fast"'),
      /params.json at optim::lr: expected a number, found '"fast"'/,
    ],
    [
      'a network of another size',
      'params.json',
      (text) => text.replace('"CNN"', '"CNN2"'),
      /checkpoints at module_list.0.weight: expected float32 \[6, 1, 5, 5\], found float32 \[8, 1, 5, 5\]/,
    ],
    [
      'a result that is no JSON',
      'result.json',
      (text) => text.replace('"test_acc"', 'test_acc'),
      /result.json at line 1: expected JSON, found/,
    ],
    [
      'a result that is a text',
      'result.json',
      (text) => text.replace('"test_loss": 2.4', '"test_loss": "low"'),
      /result.json at line 1, test_loss: expected a number, found '"low"'/,
    ],
    [
      'results without epochs',
      'result.json',
      (text) => text.replaceAll('training_iteration', 'iteration'),
      /result.json at line 1: expected training_iteration, found train_loss, /,
    ],
    [
      'fewer results than checkpoints',
      'result.json',
      (text) => text.split('\n').slice(0, 2).join('\n'),
      /result.json: expected a line with training_iteration 2, of which there is a checkpoint, found those from 0 to 1/,
    ],
  ])('%s', async (_, name, change, text) => {
    await expect(attempt(inFirst(name, change))).rejects.toThrow(text);
  });

  test('a checkpoint of another network, a damaged one, and one whose loss ended', async () => {
    const copy = folders.copy(format);
    const [first, , third] = runs.map((run) => join(copy, run));
    cpSync(join(third!, 'checkpoint_000000', 'checkpoints'), join(first!, 'checkpoint_000002', 'checkpoints'));
    await expect(attempt(copy)).rejects.toThrow(
      /checkpoints at module_list.0.weight: expected float32 \[8, 1, 5, 5\], found float32 \[16, 3, 3, 3\]/,
    );
    writeFileSync(join(first!, 'checkpoint_000002', 'checkpoints'), 'PK\x03\x04 cut');
    await expect(attempt(copy)).rejects.toThrow(/checkpoint_000002\/checkpoints.*expected the end record of a zip/);
    const report = await attempt(copy, { skipBroken: true });
    expect(report).toMatchObject({ rows: 3, runs: 2 });
    expect(report.broken[0]).toMatch(/checkpoint_000002\/checkpoints/);
    rmSync(first!, { recursive: true });
    const results = join(copy, runs[1]!, 'result.json');
    writeFileSync(
      results,
      readFileSync(results, 'utf8')
        .replace(/"test_loss": 2\.1\d*/, '"test_loss": NaN')
        .replace(/"test_loss": 2\.2\d*/, '"test_loss": NaN'),
    );
    expect(await attempt(copy)).toMatchObject({ rows: 2, runs: 2, notFinite: 1 });
  });
});
