import { areaAverage } from '@weightspace/dataset';
import { describe, expect, test } from 'vitest';

const image = (rows: number, columns: number, channels?: number) => {
  const data = Uint8Array.from({ length: rows * columns * (channels ?? 1) }, (_, i) => (i * 37) % 256);
  const shape = channels === undefined ? ([1, rows, columns] as const) : ([1, rows, columns, channels] as const);
  return { images: { shape, data } };
};

describe('areaAverage', () => {
  test('gives means of squares where the size is divided', () => {
    const given = image(4, 6);
    const { data, shape } = areaAverage(given, 2, 3);
    expect(shape).toEqual([1, 2, 3]);
    const at = (r: number, c: number) => given.images.data[r * 6 + c]!;
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) {
        const mean = (at(2 * i, 2 * j) + at(2 * i, 2 * j + 1) + at(2 * i + 1, 2 * j) + at(2 * i + 1, 2 * j + 1)) / 4;
        expect(data[i * 3 + j]).toBeCloseTo(mean, 4);
      }
    }
  });

  test('agrees with an image first made larger, where old pixels are cut: 7 × 7 to 2 × 2', () => {
    const given = image(7, 7);
    const { data } = areaAverage(given, 2, 2);
    for (const [i, j] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const) {
      let sum = 0;
      for (let r = 0; r < 7; r++) {
        for (let c = 0; c < 7; c++) sum += given.images.data[((i * 7 + r) >> 1) * 7 + ((j * 7 + c) >> 1)]!;
      }
      expect(data[i * 2 + j]).toBeCloseTo(sum / 49, 4);
    }
  });

  test('keeps the mean, channels, constant images, and images of the same size', () => {
    const given = image(5, 3, 2);
    const { data, shape } = areaAverage(given, 2, 4);
    expect(shape).toEqual([1, 2, 4, 2]);
    for (const c of [0, 1]) {
      const mean = (values: ArrayLike<number>) => {
        const own = Array.from(values).filter((_, i) => i % 2 === c);
        return own.reduce((a, b) => a + b, 0) / own.length;
      };
      expect(mean(data)).toBeCloseTo(mean(given.images.data), 3);
    }
    expect([...areaAverage(given, 5, 3).data]).toEqual([...given.images.data]);
    const flat = { images: { shape: [1, 28, 28] as const, data: new Uint8Array(784).fill(200) } };
    for (const value of areaAverage(flat, 8, 8).data) expect(value).toBeCloseTo(200, 3);
  });

  test('refuses sizes that are none', () => {
    expect(() => areaAverage(image(4, 4), 0, 2)).toThrow('areaAverage: rows must be a whole number ≥ 1, got 0');
    expect(() => areaAverage(image(4, 4), 2, 1.5)).toThrow('areaAverage: columns must be a whole number ≥ 1, got 1.5');
  });
});
