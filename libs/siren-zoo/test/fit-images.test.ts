import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { fashionMnistFolder, loadImageSet } from '@weightspace/dataset';
import { architectureOf, fitImages } from '@weightspace/siren-zoo';
import type { Member } from '@weightspace/siren-zoo';
import { dwsRecipe } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

const recipe = { ...dwsRecipe, sizes: [2, 8, 8, 1], steps: 5 };
const zoo = { set: 'mnist', images: 'digits' };
const member = (image: number, part: 'train' | 'test' = 'train', split = 0): Member => ({ part, image, split });

describe('fitImages', () => {
  test('fits each image from a start of its own, however the images are cut', async () => {
    const all = [member(3), member(8), member(5, 'test', 2)];
    const { parameters, target, split } = await fitImages({ zoo, recipe, seed: 4, members: all });
    expect(Object.keys(parameters)).toEqual(architectureOf(recipe).parameters.map(({ name }) => name));
    expect([...target['image']!.data]).toEqual([3, 8, 60_005]);
    const labels = [loadImageSet('mnist', 'train').labels, loadImageSet('mnist', 'test').labels];
    expect([...target['label']!.data]).toEqual([labels[0]![3], labels[0]![8], labels[1]![5]]);
    expect([...split]).toEqual([0, 0, 2]);
    const alone = await fitImages({ zoo, recipe, seed: 4, members: all.slice(1, 2) });
    for (const [name, { data }] of Object.entries(alone.parameters)) {
      const own = parameters[name]!.data.subarray(data.length, 2 * data.length);
      for (const [i, x] of data.entries()) expect(Math.abs(x - own[i]!)).toBeLessThan(1e-6);
    }
  });

  test.skipIf(!existsSync(join(fashionMnistFolder(), 'train-images-idx3-ubyte')))(
    'fits pictures of another set by its name',
    async () => {
      const other = await fitImages({
        zoo: { set: 'fashion-mnist', images: 'pictures' },
        recipe,
        seed: 4,
        members: [member(19)],
      });
      expect([...other.target['label']!.data]).toEqual([9]);
    },
  );
});
