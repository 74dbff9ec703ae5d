import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ndarray, RandomStream } from '@weightspace/compute';
import { CheckpointError, CheckpointFolder } from '@weightspace/experiment';

import { temporaryFolder } from './support.ts';

const owner = { experiment: 'walk', config: { seed: 3, model: { width: 64 } } };

function folderWith(count: number) {
  const folder = join(temporaryFolder(), 'checkpoints');
  const warnings: string[] = [];
  const store = new CheckpointFolder(folder, owner, (text) => warnings.push(text));
  for (let step = 1; step <= count; step++)
    store.save({ arrays: { w: ndarray([step, 0.1, -0], [3, 1]) }, json: { step } }, {});
  return { folder, store, warnings };
}

describe('CheckpointFolder', () => {
  test('gives back arrays in their order, JSON with its NaN, and generators where they stood', () => {
    const { store } = folderWith(0);
    const stream = RandomStream.fromSeed(3).split('walk');
    stream.next();
    const arrays = {
      z: ndarray([NaN, -0, 1e-45], [3]),
      a: ndarray(Int32Array.of(-7, 9), [2, 1]),
      empty: ndarray([], [0, 4]),
    };
    store.save(
      { arrays, json: { best: -Infinity, nan: NaN, zero: -0, list: [1, 'x', null] }, streams: { stream } },
      { position: 5 },
    );
    const found = store.load()!;
    expect(Object.keys(found.arrays)).toEqual(['z', 'a', 'empty']);
    expect(found.arrays).toEqual(arrays);
    expect(found.json).toEqual({ best: -Infinity, nan: NaN, zero: -0, list: [1, 'x', null] });
    expect(found.streams['stream']!.next()).toBe(stream.next());
    expect(found.run).toEqual({ position: 5 });
  });
  test('has nothing to load at first', () => {
    expect(folderWith(0).store.load()).toBeUndefined();
  });
  test('keeps the last two', () => {
    const { folder, store } = folderWith(5);
    expect(readdirSync(folder).sort()).toEqual([
      '000004.json',
      '000004.safetensors',
      '000005.json',
      '000005.safetensors',
    ]);
    expect(store.load()!.json).toEqual({ step: 5 });
  });
  test.each([
    ['arrays cut short', '000003.safetensors', (file: string) => truncateSync(file, 20)],
    ['JSON cut short', '000003.json', (file: string) => truncateSync(file, 60)],
    ['an empty JSON', '000003.json', (file: string) => truncateSync(file, 0)],
    ['a flipped byte', '000003.safetensors', flipLastByte],
  ])('falls back to the one before on %s, with a warning', (_, name, damage) => {
    const { folder, store, warnings } = folderWith(3);
    damage(join(folder, name));
    expect(store.load()!.json).toEqual({ step: 2 });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`passed over a damaged checkpoint: ${join(folder, name)}: expected`);
  });
  test('takes the one before when a kill came between its two files', () => {
    const { folder, store, warnings } = folderWith(3);
    writeFileSync(join(folder, '000004.safetensors'), 'half');
    writeFileSync(join(folder, '000004.json.99.tmp'), '{');
    expect(store.load()!.json).toEqual({ step: 3 });
    expect(warnings).toEqual([]);
    store.save({ json: { step: 4 } }, {});
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(store.load()).toMatchObject({ json: { step: 4 }, arrays: {} });
  });
  test('says what is wrong with each when all are damaged', () => {
    const { folder, store } = folderWith(3);
    flipLastByte(join(folder, '000002.safetensors'));
    writeFileSync(join(folder, '000003.json'), '{"schema":"other/9"}');
    const error = errorOf(() => store.load());
    expect(error.exitCode).toBe(1);
    expect(error.message).toContain(`${folder}: expected a whole checkpoint, found`);
    expect(error.message).toContain('000003.json: at "schema": Invalid input: expected "weightspace-checkpoint/1"');
    expect(error.message).toMatch(/000002\.safetensors: [0-9a-f]{12}…/);
    expect(error.message).toContain('start the run anew, without --resume');
  });
  test('refuses one of other settings and shows the difference', () => {
    const { folder } = folderWith(1);
    const other = new CheckpointFolder(folder, {
      experiment: 'walk',
      config: { seed: 4, model: { width: 64, depth: 2 } },
    });
    const error = errorOf(() => other.load());
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain('seed: 3 in the checkpoint, 4 in this command\n');
    expect(error.message).toContain('model.depth: not set in the checkpoint, 2 in this command\n');
  });
  test('refuses one of another experiment', () => {
    const { folder } = folderWith(1);
    const error = errorOf(() => new CheckpointFolder(folder, { ...owner, experiment: 'run' }).load());
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain("000001.json: expected a checkpoint of 'run', found one of 'walk'");
  });
  test('refuses what JSON would lose', () => {
    const { store } = folderWith(0);
    expect(() => store.save({ json: { order: Int32Array.of(1) } }, {})).toThrow(
      'stringifyExact: value must be plain JSON, got Int32Array at json.order; put arrays into "arrays"',
    );
  });
  test('names the folder that it cannot make', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(() => new CheckpointFolder(join(file, 'x'), owner).save({ json: {} }, {})).toThrow(
      `cannot write the checkpoint folder ${join(file, 'x')}: a part of the path is a file, not a folder (ENOTDIR)`,
    );
  });
  test('removes all of it when asked', () => {
    const { folder, store } = folderWith(2);
    store.clear();
    expect(existsSync(folder)).toBe(false);
  });
});

function flipLastByte(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
}

function errorOf(call: () => unknown): CheckpointError {
  try {
    call();
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error('expected a CheckpointError');
}
