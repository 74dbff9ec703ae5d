import { bindShapes, ShapeError } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

const thrown = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('bindShapes', () => {
  test('returns what the letters stand for', () => {
    const sizes = bindShapes('layer', [
      ['x', [2, 5, 3], ['B', 'N', 'C']],
      ['w', [3, 4], ['C', 'D']],
      ['scale', [1], [1]],
      ['shift', [], []],
    ]);
    expect(sizes).toEqual({ B: 2, N: 5, C: 3, D: 4 });
  });

  test('binds a letter that stands twice in one shape', () => {
    expect(bindShapes('square', [['w', [3, 3], ['N', 'N']]])).toEqual({ N: 3 });
    expect(() => bindShapes('square', [['w', [3, 4], ['N', 'N']]])).toThrow(
      'square: w must have shape [N, N], got [3, 4]',
    );
  });

  test('takes a letter of size 0, and one that is named like a member of every object', () => {
    expect(bindShapes('layer', [['x', [0, 7], ['B', 'constructor']]])).toEqual({ B: 0, constructor: 7 });
  });

  test.each<[string, number[], (number | string)[], string]>([
    ['a letter was bound to another size', [7, 4], ['C', 'D'], 'layer: w must have shape [C=3, D], got [7, 4]'],
    ['a fixed size differs', [3, 5], ['C', 4], 'layer: w must have shape [C=3, 4], got [3, 5]'],
    ['an axis is missing', [3], ['C', 'D'], 'layer: w must have shape [C=3, D], got [3]'],
    ['an axis is one too many', [3, 4, 1], ['C', 'D'], 'layer: w must have shape [C=3, D], got [3, 4, 1]'],
    ['an array stands for a scalar', [2], [], 'layer: w must have shape [], got [2]'],
  ])('complains when %s', (_, actual, expected, message) => {
    const act = () =>
      bindShapes('layer', [
        ['x', [2, 3], ['B', 'C']],
        ['w', actual, expected],
      ]);
    expect(act).toThrow(ShapeError);
    expect(act).toThrow(message);
  });

  test('throws a ShapeError with its parts, and says what to do', () => {
    const error = thrown(() => bindShapes('layer', [['w', [7, 4], ['C', 2]]], 'transpose it')) as ShapeError;
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.message).toBe('layer: w must have shape [C, 2], got [7, 4]; transpose it');
    expect({ ...error }).toEqual({
      name: 'ShapeError',
      fn: 'layer',
      argument: 'w',
      expected: ['C', 2],
      actual: [7, 4],
    });
  });
});
