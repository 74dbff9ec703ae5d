import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { additionData, additionTask, recurrent, rnnZoo } from '@weightspace/data-rnn-zoo';
import { stopAndResume, trainingZooWork } from '@weightspace/network-zoo';
import { openMixedZoo, standardRun, trainNetworks } from '@weightspace/zoo';
import { afterAll, describe, expect, test } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'rnn-zoo-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const questions = { digits: 2, trainQuestions: 80, validationQuestions: 20, testQuestions: 40, probeQuestions: 40 };
const common = { seed: 0, networks: 10, epochs: 2, batch: 8, checkpoints: [1, 2] };
const settings = { ...questions, ...common, resume: false, quiet: true };

describe('data-rnn-zoo:generate', () => {
  test('stopped and resumed, it ends with the same bytes', async () => {
    const { stopped, whole, resumed } = await stopAndResume(trainingZooWork(rnnZoo, settings), root);
    expect(stopped).toBe(true);
    expect(resumed).toEqual(whole);
  });

  test('keeps each run in one split, and says which cell it has', async () => {
    const zoo = await openMixedZoo(join(root, 'whole'));
    const { codes } = zoo.header.recipe as { codes: { family: string[] } };
    const [family, hidden] = [zoo.fit('family').data, zoo.fit('hidden').data];
    const [run, split] = [zoo.fit('run').data, zoo.split()];
    for (const { architecture, first } of zoo.groups) {
      expect(architecture.name).toBe(`${codes.family[family[first]!]} ${hidden[first]}`);
    }
    run.forEach((number, row) => expect(split[row]).toBe(split[run.indexOf(number)]));
    zoo.close();
  });

  test('refuses more questions than there are', () => {
    expect(() => trainingZooWork(rnnZoo, { ...settings, trainQuestions: 10_000 })).toThrow(
      'at most half of the 10000 questions with 2 digits can be drawn, asked for 10000 + 20 + 40',
    );
  });
});

describe('additionData', () => {
  const input = { seed: 0, digits: 3, train: 200, validation: 50, test: 100, probe: 20 };
  const data = additionData(input);
  const rowsOf = ({ inputs, labels }: typeof data.train) =>
    Array.from({ length: inputs.shape[0]! }, (_, i) => ({
      read: [...inputs.data.subarray(i * 7, (i + 1) * 7)],
      right: [...labels!.data.subarray(i * 7, (i + 1) * 7)],
    }));
  const parts = [data.train, data.validation!, data.test];

  test('answers with the digits of the sum', () => {
    for (const { read, right } of parts.flatMap(rowsOf)) {
      const [a, b] = [0, 1].map((at) => read[at]! + 10 * read[at + 2]! + 100 * read[at + 4]!) as [number, number];
      expect(right[1]! + 10 * right[3]! + 100 * right[5]! + 1000 * right[6]!).toBe(a + b);
      expect(read[6]).toBe(10);
      // After the tens of a: with what the ones carry.
      expect(right[2]).toBe((read[2]! + (read[0]! + read[1]! > 9 ? 1 : 0)) % 10);
    }
  });
  test('has no question twice', () => {
    const questions = parts.flatMap(rowsOf).map(({ read }) => read.join(' '));
    expect(new Set(questions).size).toBe(350);
    expect(parts.map(({ inputs }) => inputs.shape)).toEqual([
      [200, 7, 1],
      [50, 7, 1],
      [100, 7, 1],
    ]);
    expect(data.trainProbe!.inputs.shape).toEqual([20, 7, 1]);
  });
  test('refuses what there is not', () => {
    expect(() => additionTask({ ...input, digits: 1 })).toThrow(
      'additionData: at most half of the 100 questions with 1 digits can be drawn, asked for 200 + 50 + 100',
    );
    expect(() => additionData({ ...input, probe: 201 })).toThrow('got 3 and 200, 100 and 201');
  });
  test('can be learned', async () => {
    const run = { ...standardRun, seed: 1, learningRate: 2e-2, clipNorm: 1 };
    const [first, last] = await trainNetworks({
      architecture: recurrent('gru', 16, 1),
      runs: [run],
      data: additionData({ seed: 0, digits: 1, train: 40, validation: 0, test: 10, probe: 40 }),
      epochs: 60,
      batch: 20,
      checkpoints: [0, 60],
    });
    expect(first!.trainAccuracy.data[0]).toBeLessThan(0.4);
    expect(last!.trainAccuracy.data[0]).toBeGreaterThan(0.6);
  });
});
