import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { fashionMnistSirens } from '@weightspace/data-fashion-mnist-siren';
import { fashionMnistFolder, loadImageSet } from '@weightspace/dataset';
import { headerOf } from '@weightspace/siren-zoo';
import { dwsRecipe, openZoo } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

const folder = join(import.meta.dirname, '..', 'sample');

describe('the shipped sample', () => {
  test('has 600 + 200 pictures, a tenth of each class, that are drawn well', async () => {
    const zoo = await openZoo(folder);
    const plan = { zoo: fashionMnistSirens, train: 600, validation: 0, test: 200, seed: 0, recipe: dwsRecipe };
    expect(zoo.header).toEqual(JSON.parse(JSON.stringify(headerOf(plan))));
    expect(zoo.header.classes).toHaveLength(10);
    expect([zoo.rowsOf('train').length, zoo.rowsOf('test').length]).toEqual([600, 200]);
    const labels = zoo.target('label').data as Int32Array;
    for (const part of ['train', 'test'] as const) {
      const rows = zoo.rowsOf(part);
      for (let c = 0; c < 10; c++) expect(rows.filter((row) => labels[row] === c)).toHaveLength(rows.length / 10);
    }
    const psnr = Float64Array.from(zoo.fit('psnr').data).sort();
    expect(psnr[psnr.length >> 1]).toBeGreaterThan(25);
    zoo.close();
  });

  test.skipIf(!existsSync(join(fashionMnistFolder(), 'train-labels-idx1-ubyte')))(
    'has the labels of the image set',
    async () => {
      const zoo = await openZoo(folder);
      const numbers = zoo.target('image').data as Int32Array;
      const labels = zoo.target('label').data as Int32Array;
      const [train, test] = [loadImageSet('fashion-mnist', 'train'), loadImageSet('fashion-mnist', 'test')];
      numbers.forEach((number, i) =>
        expect(labels[i]).toBe(number < 60_000 ? train.labels[number] : test.labels[number - 60_000]),
      );
      zoo.close();
    },
  );
});
