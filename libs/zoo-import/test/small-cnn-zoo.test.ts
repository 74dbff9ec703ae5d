import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { openZoo, ZooError } from '@weightspace/zoo';
import { importZoo } from '@weightspace/zoo-import';
import { afterAll, describe, expect, test } from 'vitest';

import { expected, expectOutputs, fixtures, imported, temporary, whole } from './support.ts';

const folders = temporary('small-cnn-zoo');
afterAll(folders.done);
const format = 'small-cnn-zoo';
const folder = join(fixtures, format);
const importFrom = (from: string, more = {}) => importZoo({ format, folder: from, to: folders.fresh(), ...more });

describe('the Small CNN Zoo', () => {
  test('is imported with weights that compute the same, targets and settings', async () => {
    const { report, zoo } = await imported({ format, folder, to: folders.fresh() });
    expect(report).toEqual({
      done: true,
      rows: 7,
      runs: 3,
      architectures: 2,
      notFinite: 1,
      broken: [],
      split: 'published',
    });
    // Networks with ReLU come first: rows 0, 1, 2 of run 0 and rows 5, 6 of run 2; then those with tanh: 3, 4.
    expect(
      zoo.groups.map(({ architecture, first }) => [architecture.spec.name, first, architecture.parameterCount]),
    ).toEqual([
      ['small cnn relu', 0, 4970],
      ['small cnn tanh', 5, 4970],
    ]);
    for (const [row, source] of [0, 1, 2, 5, 6, 3, 4].entries())
      await expectOutputs(zoo, row, expected['small-cnn-zoo'][source]!);
    expect(whole(zoo.fit('run'))).toEqual([0, 0, 0, 2, 2, 1, 1]);
    expect(whole(zoo.fit('epoch'))).toEqual([0, 1, 86, 0, 1, 0, 86]);
    expect(whole(zoo.fit('diverged'))).toEqual([0, 0, 0, 1, 1, 0, 0]);
    const { codes, imageSet } = zoo.header.recipe as { codes: { [name: string]: string[] }; imageSet: string };
    expect(imageSet).toBe('mnist');
    expect(codes).toEqual({
      optimizer: ['adam', 'rmsprop', 'sgd'],
      initialization: ['RandomNormal', 'he_normal', 'orthogonal'],
      activation: ['relu', 'tanh'],
    });
    expect(whole(zoo.fit('optimizer'))).toEqual([0, 0, 0, 1, 1, 2, 2]);
    const close = (name: string, values: number[]) =>
      whole(zoo.fit(name)).forEach((value, i) => expect(value).toBeCloseTo(values[i]!, 6));
    close('train-share', [0.1, 0.1, 0.1, 0.25, 0.25, 1, 1]);
    close('learning-rate', [0.001, 0.001, 0.001, 0.003, 0.003, 0.002, 0.002]);
    expect(zoo.target('test-accuracy').data[2]).toBeCloseTo(0.96, 6);
    expect(zoo.target('train-loss').data[6]).toBeCloseTo(1.34, 6);
    zoo.close();
  });

  test("has nfn's split where that is given: the second half of the finished runs, in its order, is for testing", async () => {
    const { zoo } = await imported({ format, folder, to: folders.fresh(), final: true });
    // Final rows in the order of split.csv: row 7 (run 2), 4 (run 1), 2 (run 0): in reverse of what the file begins with.
    expect(whole(zoo.fit('run'))).toEqual([0, 2, 1]);
    expect(Object.fromEntries(whole(zoo.fit('run')).map((run, i) => [run, zoo.split()[i]]))).toEqual({
      0: 0,
      1: 2,
      2: 2,
    });
    zoo.close();
  });

  test('is split by run with a seed otherwise, and filtered by epoch and run', async () => {
    const to = folders.fresh();
    const shares = { train: 1, validation: 0, test: 1 };
    const { report, zoo } = await imported({
      format,
      folder,
      to,
      ownSplit: true,
      shares,
      epochs: [0, 86],
      runs: 2,
      seed: 3,
    });
    expect(report).toMatchObject({ rows: 4, runs: 2, split: 'own' });
    const [runs, split] = [whole(zoo.fit('run')), zoo.split()];
    expect(new Set(runs.map((run, i) => `${run} ${split[i]}`)).size).toBe(2);
    expect(new Set(split)).toEqual(new Set([0, 2]));
    expect((zoo.header.recipe as { split: unknown }).split).toEqual({ seed: 3, shares });
    zoo.close();
  });

  test('is one architecture where only that is asked for, and is written once', async () => {
    const to = folders.fresh();
    await importZoo({ format, folder, to, runs: 1 });
    const zoo = await openZoo(to);
    expect(zoo.count).toBe(3);
    zoo.close();
    await expect(importZoo({ format, folder, to, runs: 1 })).rejects.toThrow(
      'continue with --resume, or choose another folder',
    );
    const shard = join(to, 'shard-0000000.h5');
    const before = readFileSync(shard);
    writeFileSync(join(to, 'manifest.jsonl'), '');
    await importZoo({ format, folder, to, runs: 1, resume: true });
    expect(readFileSync(shard).equals(before)).toBe(true);
    await expect(importZoo({ format, folder, to, resume: true })).rejects.toThrow(
      /expected the zoo that is asked for, found another/,
    );
  });
});

describe('refusals of a Small CNN Zoo', () => {
  const metricsOf = (from: string) =>
    gunzipSync(readFileSync(join(from, 'metrics.csv.gz')))
      .toString()
      .trimEnd()
      .split('\n');
  /** A copy in which lines of the table were changed. */
  const withMetrics = (change: (lines: string[]) => string[]) => {
    const copy = folders.copy(format);
    writeFileSync(join(copy, 'metrics.csv.gz'), gzipSync(`${change(metricsOf(copy)).join('\n')}\n`));
    return copy;
  };
  const withFile = (name: string, change: (bytes: Buffer) => Buffer | string) => {
    const copy = folders.copy(format);
    writeFileSync(join(copy, name), change(readFileSync(join(copy, name))));
    return copy;
  };
  const replaceIn = (line: number, from: string, to: string) => (lines: string[]) =>
    lines.map((text, i) => (i === line ? text.replace(from, to) : text));

  test.each<[string, () => string, RegExp]>([
    [
      'a missing folder',
      () => '/nowhere',
      /importZoo: \/nowhere\/metrics.csv.gz: expected a file that can be read, found ENOENT.*name the folder/,
    ],
    [
      'a table that is no gzip file',
      () => withFile('metrics.csv.gz', () => 'text'),
      /metrics.csv.gz: expected a gzip file of at most \d+ bytes, found incorrect header/,
    ],
    [
      'a row with too few fields',
      () => withMetrics((lines) => lines.map((text, i) => (i === 4 ? 'relu,zeros' : text))),
      /metrics.csv.gz at row 3 \(line 5\): expected 22 fields, as in the first line, found 2/,
    ],
    [
      'a text for a number',
      () => withMetrics(replaceIn(2, ',0.001,', ',much,')),
      /at row 1 \(line 3\), config.learning_rate: expected a number, found 'much'/,
    ],
    [
      'a missing column',
      () => withMetrics(replaceIn(0, 'modeldir', 'folder')),
      /metrics.csv.gz: expected a column 'modeldir', found config.activation, /,
    ],
    [
      'another activation',
      () => withMetrics(replaceIn(3, 'relu', 'swish')),
      /row 2 \(line 4\), config.activation: expected one of relu, tanh, found 'swish'/,
    ],
    [
      'another image set',
      () => withMetrics(replaceIn(1, 'mnist', 'stl10')),
      /row 0 \(line 2\), config.dataset: expected one of mnist, fashion_mnist, cifar10, svhn_cropped, found 'stl10'/,
    ],
    [
      'a step that is no whole number',
      () => withMetrics(replaceIn(1, '/zoo/1,0,', '/zoo/1,0.5,')),
      /row 0 \(line 2\), step: expected a whole number, found '0.5'/,
    ],
    [
      'fewer rows than weights',
      () => withMetrics((lines) => lines.slice(0, -1)),
      /weights.npy: expected 7 rows, as in metrics.csv.gz, found 8/,
    ],
    [
      'weights that were cut',
      () => withFile('weights.npy', (bytes) => bytes.subarray(0, 9999)),
      /weights.npy, byte 9999: expected 159040 bytes of data/,
    ],
    [
      'weights that are another file',
      () => withFile('weights.npy', () => 'text'),
      /weights.npy, byte 0: expected a checkpoint of a known format/,
    ],
    [
      'a layout of other names',
      () => withFile('layout.csv', (bytes) => bytes.toString().replace('dense/kernel', 'lstm/kernel')),
      /layout.csv at row 7 \(line 9\), varname: expected one of conv1.weight, .*found 'sequential\/lstm\/kernel:0'/,
    ],
    [
      'a layout of other shapes',
      () => withFile('layout.csv', (bytes) => bytes.toString().replace('(3, 3, 1, 16)', '(3, 3, 3, 16)')),
      /row 1 \(line 3\), shape: expected \(3, 3, 1, 16\), found '\(3, 3, 3, 16\)'/,
    ],
    [
      'a layout of other places',
      () => withFile('layout.csv', (bytes) => bytes.toString().replace(',4810,4970,', ',4811,4971,')),
      /row 7 \(line 9\): expected 160 of the 4970 columns of weights.npy, found 4811 to 4971/,
    ],
    [
      'a layout that is short',
      () => withFile('layout.csv', (bytes) => bytes.toString().split('\n').slice(0, 8).join('\n')),
      /layout.csv: expected all 4970 columns of weights.npy as 8 parameters, found 4810 as 7/,
    ],
    [
      'a split with a row twice',
      () => withFile('split.csv', (bytes) => bytes.toString().replace('7', '6')),
      /split.csv: expected each of the row numbers 0 to 7 once, found 7 different ones in 8 lines/,
    ],
  ])('%s', async (_, make, text) => {
    const attempt = importFrom(make());
    await expect(attempt).rejects.toThrow(text);
    await expect(attempt).rejects.toThrow(/;/);
  });

  test('epochs that there are not, and shares that are none', async () => {
    await expect(importFrom(folder, { epochs: [7] })).rejects.toThrow(ZooError);
    await expect(importFrom(folder, { epochs: [7] })).rejects.toThrow('found none that were asked for and are finite');
    const shares = { train: -1, validation: 0, test: 1 };
    await expect(importFrom(folder, { ownSplit: true, shares })).rejects.toThrow(
      'splitRuns: shares must be numbers ≥ 0',
    );
    await expect(importFrom(folder, { format: 'zoo' })).rejects.toThrow(
      "zooFormat: the format must be one of small-cnn-zoo, cnn-wild-park, model-zoo-dataset, got 'zoo'",
    );
  });
});
