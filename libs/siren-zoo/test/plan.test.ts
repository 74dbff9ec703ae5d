import { chunksOf, headerOf, membersOf } from '@weightspace/siren-zoo';
import { dwsRecipe } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

const zoo = { set: 'mnist', images: 'digits' };
const plan = { zoo, train: 200, validation: 30, test: 25, seed: 1, recipe: dwsRecipe };

describe('a plan', () => {
  test('has each image once, in one split', () => {
    const members = membersOf(plan);
    expect(members).toHaveLength(255);
    expect(new Set(members.map(({ part, image }) => `${part}${image}`)).size).toBe(255);
    expect(members.filter(({ split }) => split === 2).every(({ part }) => part === 'test')).toBe(true);
    expect(members.filter(({ split }) => split !== 2).every(({ part }) => part === 'train')).toBe(true);
  });
  test('is cut into shards without gaps', () => {
    const chunks = chunksOf(plan);
    expect(chunks.map(({ rows }) => rows)).toEqual([128, 127]);
    expect(chunks.map(({ networks }) => networks)).toEqual([
      [0, 127],
      [128, 254],
    ]);
  });
  test('names classes where their numbers are not their names', () => {
    expect(headerOf(plan)).not.toHaveProperty('classes');
    const fashion = headerOf({ ...plan, zoo: { set: 'fashion-mnist', images: 'pictures' } });
    expect(fashion.classes?.[9]).toBe('ankle boot');
    expect(fashion.generator).toBe('data-fashion-mnist-siren 0.1.0');
  });
  test('refuses more images than there are, none, and sets that there are not', () => {
    expect(() => membersOf({ ...plan, train: 59_980 })).toThrow(
      'membersOf: mnist has 60,000 digits for training and validation and 10,000 for testing, asked for 59980 + 30 and 25',
    );
    expect(() => membersOf({ ...plan, train: 0, validation: 0, test: 0 })).toThrow(
      'membersOf: a zoo needs digits, asked for 0 + 0 and 0; give --train, --validation or --test',
    );
    expect(() => membersOf({ ...plan, zoo: { ...zoo, set: 'svhn' } })).toThrow(
      'membersOf: SIREN zoos are of grey images, svhn is in colour',
    );
    expect(() => membersOf({ ...plan, zoo: { ...zoo, set: 'minst' } })).toThrow(
      "imageSetReader: name must be one of mnist, fashion-mnist, cifar-10, svhn, got 'minst'",
    );
  });
});
