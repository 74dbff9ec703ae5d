/** @file What the tests of all formats share: fixtures, and what PyTorch says that their networks compute. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { forwardStacked } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, mapValues, ndarray, takeRows } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { importZoo } from '@weightspace/zoo-import';
import type { ImportOptions } from '@weightspace/zoo-import';
import { openMixedZoo } from '@weightspace/zoo';
import type { MixedZoo } from '@weightspace/zoo';
import { expect } from 'vitest';

export const fixtures = join(import.meta.dirname, 'fixtures');
type Outputs = readonly (readonly number[])[];
export const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  readonly 'small-cnn-zoo': readonly (Outputs | null)[];
  readonly 'wild-park': { readonly [path: string]: Outputs };
  readonly 'model-zoo-dataset': { readonly [path: string]: Outputs };
};

/** A folder for one test file, with `done` to remove it. */
export function temporary(name: string) {
  const root = mkdtempSync(join(tmpdir(), `${name}-`));
  let made = 0;
  return {
    done: () => rmSync(root, { recursive: true, force: true }),
    fresh: () => join(root, String(made++)),
    /** A copy of a fixture that may be damaged. */
    copy(fixture: string) {
      const folder = join(root, String(made++));
      cpSync(join(fixtures, fixture), folder, { recursive: true });
      return folder;
    },
  };
}

/** Imports and opens. */
export async function imported(
  options: ImportOptions,
): Promise<{ report: Awaited<ReturnType<typeof importZoo>>; zoo: MixedZoo }> {
  const report = await importZoo(options);
  return { report, zoo: await openMixedZoo(options.to) };
}

/** The inputs of make_fixtures.py: sin(0.1 i), there with the channels before the positions. */
function inputsOf({ spec }: Architecture): NdArray {
  const { size, positions = [] } = spec.inputs[0]!;
  const pixels = positions.reduce((product, n) => product * n, 1);
  const data = new Float32Array(2 * pixels * size);
  for (let i = 0; i < data.length; i++) {
    const [point, pixel, channel] = [Math.floor(i / (pixels * size)), Math.floor(i / size) % pixels, i % size];
    data[i] = Math.sin(0.1 * ((point * size + channel) * pixels + pixel));
  }
  return ndarray(data, [2, ...positions, size]);
}

/** Compares what a row of an imported zoo computes with what PyTorch computed. */
export async function expectOutputs(zoo: MixedZoo, row: number, outputs: Outputs): Promise<void> {
  const group = zoo.groups.findLast(({ first }) => first <= row)!;
  const { architecture } = group;
  const own: NdArrays = mapValues(group.zoo.parameters(), (all) => takeRows(all, [row - group.first]));
  const run = compile((params: Tensors, x: Tensors) => forwardStacked(architecture, params, x['x']!));
  const y = (await run(own, { x: inputsOf(architecture) })) as NdArray;
  expect(y.shape).toEqual([1, 2, 10]);
  const wanted = outputs.flat();
  const scale = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, i) => expect(Math.abs(y.data[i]! - value) / scale).toBeLessThan(1e-5));
}

/** A column of whole numbers. */
export const whole = ({ data }: NdArray): number[] => [...data];
