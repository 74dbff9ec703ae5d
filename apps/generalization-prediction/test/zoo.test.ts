import { join } from 'node:path';

import { ndarray } from '@weightspace/compute';
import { temporaryFolder } from '@weightspace/experiment/testing';
import {
  architectureColumns,
  checkNoLeak,
  colourGroups,
  heldOut,
  heldOutKinds,
  heldOutParts,
  loadRows,
  namedColumn,
  registerHeldOut,
  selectRows,
  shareOfRuns,
  standardParts,
  targetOf,
  weightsOf,
  where,
} from '@weightspace/generalization-prediction';
import type { Columns, Rows } from '@weightspace/generalization-prediction';
import { openMixedZoo, writeShard } from '@weightspace/zoo';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { makeMiniRows, miniArchitecture } from './mini-zoo.ts';
import { writeMiniZoo } from './support.ts';

const { folder, remove } = temporaryFolder('generalization-prediction');
const [one, other, mixed] = ['one', 'other', 'mixed'].map((name) => join(folder, name)) as [string, string, string];
let rows: Rows;
beforeAll(async () => {
  await writeMiniZoo(one, 10);
  await writeMiniZoo(other, 10, false, 500);
  await writeMiniZoo(mixed, 10, true);
  rows = await loadRows([mixed]);
});
afterAll(remove);

const header = {
  architecture: miniArchitecture({ features: [5], activation: 'relu' }).spec,
  recipe: {},
  seed: 1,
  generator: 'test',
};
const input = { features: [5], activation: 'relu', firstRun: 0, runs: 5 } as const;

describe('loadRows', () => {
  test('has columns of targets, of the fit, with names of codes, and of architectures', () => {
    expect(rows.count).toBe(60);
    for (const name of ['test-accuracy', 'epoch', 'depth', 'width', 'parameters', 'activation', 'zoo', 'learning-rate'])
      expect([...rows.columns.keys()]).toContain(name);
    expect(rows.columns.get('optimizer')!.names).toEqual(['sgd', 'adam']);
    expect(rows.columns.get('activation')!.names).toEqual(['relu', 'tanh']);
    expect(new Set(rows.columns.get('depth')!.values)).toEqual(new Set([2, 3, 4]));
    expect(new Set(rows.columns.get('width')!.values)).toEqual(new Set([4, 5]));
  });
  test('gives the weights of rows of one architecture, also of two zoos, and runs of two zoos are different', async () => {
    const both = await loadRows([one, other]);
    expect(both.count).toBe(40);
    expect(new Set(both.runs).size).toBe(20);
    expect(both.groups[0]!.architecture).toBe(both.groups[1]!.architecture);
    expect(both.columns.get('zoo')!.names).toEqual(['one', 'other']);
    const taken = weightsOf(both, [3, 25, 0]);
    const zoos = await Promise.all([one, other].map((path) => openMixedZoo(path)));
    const [first, second] = zoos.map((zoo) => zoo.groups[0]!.zoo.parameters()['fc1.weight']!);
    const size = first!.data.length / 20;
    const row = (data: ArrayLike<number>, at: number) => Array.from(data).slice(at * size, (at + 1) * size);
    const want = [row(first!.data, 3), row(second!.data, 5), row(first!.data, 0)].flat();
    expect(Array.from(taken['fc1.weight']!.data)).toEqual(want);
    zoos.forEach((zoo) => zoo.close());
  });
  test('refuses a zoo that says nothing of runs, and weights that are not finite, naming the row', async () => {
    const made = makeMiniRows(input);
    const { run: _, ...fit } = made.fit;
    await writeShard(join(folder, 'no-run.h5'), header, { ...made, fit });
    await expect(loadRows([join(folder, 'no-run.h5')])).rejects.toThrow(
      /no-run.h5: expected \/fit\/run .* found epoch, learning-rate, optimizer; choose a zoo of trained networks/,
    );
    const weight = made.parameters['fc1.weight']!;
    const data = Float32Array.from(weight.data);
    data[(data.length / 10) * 7 + 2] = NaN;
    const parameters = { ...made.parameters, 'fc1.weight': ndarray(data, weight.shape) };
    await writeShard(join(folder, 'nan.h5'), header, { ...made, parameters });
    await expect(loadRows([join(folder, 'nan.h5')])).rejects.toThrow(
      /nan.h5: expected finite weights, found NaN in parameters\/fc1.weight of row 7 \(row 7 of mini 5 relu\); generate/,
    );
    await expect(loadRows([join(folder, 'nothing')])).rejects.toThrow('expected a zoo, found nothing');
  });
  test('selected rows keep their weights, columns, runs and parts', () => {
    const kept = Int32Array.from(rows.runs.keys()).filter((row) => row % 3 === 1 && rows.groupOf[row] !== 1);
    const own = selectRows(rows, kept);
    expect([own.count, own.groups.length]).toEqual([kept.length, 2]);
    kept.forEach((row, i) => {
      expect(weightsOf(own, [i])).toEqual(weightsOf(rows, [row]));
      expect([own.runs[i], own.split[i]]).toEqual([rows.runs[row], rows.split[row]]);
      expect(own.columns.get('test-accuracy')!.values[i]).toBe(targetOf(rows, 'test-accuracy')[row]);
    });
  });
  test('refuses a target that is not there, listing those that are', () => {
    expect(() => targetOf(rows, 'tset')).toThrow(/target: must be of zoo, depth, .*test-accuracy.*, got 'tset'/);
  });
  test('knows the depth, width and activation of an architecture', () => {
    const architecture = miniArchitecture({ features: [3, 4, 3], activation: 'tanh' });
    const found = Object.fromEntries(Object.entries(architectureColumns).map(([name, of]) => [name, of(architecture)]));
    expect(found).toMatchObject({ depth: 4, width: 4, activation: 'tanh', parameters: architecture.parameterCount });
  });
});

describe('where', () => {
  const columns: Columns = new Map([
    ['depth', { name: 'depth', values: Float64Array.of(1, 2, 3, NaN), names: undefined }],
    ['kind', namedColumn('kind', ['b', 'a', 'b', 'c'])],
  ]);
  const matching = (text: string) => [0, 1, 2, 3].filter(where(columns, text));
  test.each([
    ['depth>=2', [1, 2]],
    ['depth < 2', [0]],
    ['depth=3', [2]],
    ['depth!=3', [0, 1, 3]],
    ['kind=b', [0, 2]],
    ['kind!=b & depth>1', [1]],
  ])('%s holds for rows %j', (text, want) => expect(matching(text)).toEqual(want));
  test.each([
    ['depth', "heldOut: must be conditions such as depth>=5 (one of >= <= != > < =), joined by &, got 'depth'"],
    ['dept>1', "heldOut: must be of depth, kind, got 'dept'"],
    ['depth>many', "heldOut: depth must be compared with a number, got 'many'"],
    ['kind=d', "heldOut: kind must be one of a, b, c, got 'd'"],
    ['kind>a', "heldOut: kind has names, which = and != compare, got '>'"],
  ])('%s is refused', (text, message) => expect(() => where(columns, text)).toThrow(message));
});

describe('parts', () => {
  test('are those of the zoo, of rows with a known target', () => {
    const target = Float64Array.from(targetOf(rows, 'test-accuracy'));
    const { train, validation, tests } = standardParts(rows, target);
    expect([train.length, validation.length, tests['test']!.length]).toEqual([36, 12, 12]);
    target[train[0]!] = NaN;
    expect(standardParts(rows, target).train).toHaveLength(35);
    expect(() =>
      standardParts(
        rows,
        target.map(() => NaN),
      ),
    ).toThrow(
      /expected rows with a known target of the parts train and test, found 0 train, 0 test; choose another zoo/,
    );
  });
  test('with kinds held out have them among the test runs alone, and leak no run', () => {
    const target = targetOf(rows, 'test-accuracy');
    for (const text of ['largest:depth', 'smallest:width', 'epoch>=2', 'activation=tanh', 'where:optimizer=adam']) {
      const { train, validation, tests } = heldOutParts(rows, target, text);
      const held = heldOut(rows, text);
      expect(train.some(held) || validation.some(held) || tests['test']!.some(held), text).toBe(false);
      expect(tests['held-out']!.every(held), text).toBe(true);
      expect(tests['held-out']!.length, text).toBeGreaterThan(0);
      const runs = new Set(Array.from(train, (row) => rows.runs[row]!));
      expect(
        tests['held-out']!.some((row) => runs.has(rows.runs[row]!)),
        text,
      ).toBe(false);
    }
    expect(() => heldOutParts(rows, target, 'depth>=1')).toThrow(
      /expected rows .* of the parts train and test, found 0 train/,
    );
    expect(() => heldOut(rows, 'lagest:depth')).toThrow(
      "must begin with one of where, largest, smallest, got 'lagest:'",
    );
    expect(() => heldOut(rows, 'largest:activation')).toThrow('activation has names, none of which is the largest');
  });
  test('checkNoLeak fails where a run is in two parts, naming it', () => {
    const runs = [7, 7, 8, 8];
    const part = (...own: number[]) => Int32Array.from(own);
    checkNoLeak(runs, { train: part(0, 1), validation: part(), tests: { test: part(2), 'held-out': part(3) } });
    expect(() => checkNoLeak(runs, { train: part(0), validation: part(1), tests: { test: part(2) } })).toThrow(
      'checkNoLeak: each run must be in one part, got run 7 in train (row 0) and in validation (row 1)',
    );
    expect(() => checkNoLeak(runs, { train: part(0, 1, 2), validation: part(), tests: { test: part(3) } })).toThrow(
      'got run 8 in train (row 2) and in test (row 3)',
    );
    const leaking = { ...rows, split: Uint8Array.from(rows.split, (_, row) => (row % 2 === 0 ? 0 : 2)) };
    expect(() => standardParts(leaking, targetOf(rows, 'test-accuracy'))).toThrow('checkNoLeak');
  });
  test('shares of runs are nested, and whole runs', () => {
    const train = Int32Array.from(rows.runs.keys());
    const of = (share: number) => shareOfRuns(rows, train, share, (run) => (run * 0.618) % 1);
    const [small, large] = [of(0.2), of(0.5)];
    expect(small.length).toBe(12);
    expect(small.every((row) => large.includes(row))).toBe(true);
    expect(of(1)).toEqual(train);
    expect(of(1e-6).length).toBe(2);
  });
  test('a further way to hold out is registered once', () => {
    const kind = { kind: 'even', description: 'rows with even numbers', rows: () => (row: number) => row % 2 === 0 };
    registerHeldOut(kind);
    expect(heldOutKinds().map((own) => own.kind)).toContain('even');
    expect(heldOut(rows, 'even:')(4)).toBe(true);
    expect(() => registerHeldOut(kind)).toThrow("registerHeldOut: kind 'even' is registered already");
  });
});

describe('colourGroups', () => {
  test('are values while they are few, ranges of numbers, or the most frequent names', () => {
    const all = Int32Array.from({ length: 100 }, (_, i) => i);
    const of = (column: Parameters<typeof colourGroups>[0]) => colourGroups(column, all);
    const few = { name: 'depth', values: Float64Array.from(all, (i) => i % 3), names: undefined };
    expect(of(few).map(({ name, members }) => [name, members.length])).toEqual([
      ['0', 34],
      ['1', 33],
      ['2', 33],
    ]);
    const many = of({ name: 'rate', values: Float64Array.from(all), names: undefined });
    expect(many).toHaveLength(5);
    expect(many.reduce((sum, { members }) => sum + members.length, 0)).toBe(100);
    const names = of(
      namedColumn(
        'name',
        Array.from(all, (i) => `n${i % 10 < 6 ? i % 2 : i}`),
      ),
    );
    expect(names.at(-1)!.name).toBe('others');
    expect(names.reduce((sum, { members }) => sum + members.length, 0)).toBe(100);
  });
});
