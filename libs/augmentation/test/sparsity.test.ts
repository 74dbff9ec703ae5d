import { deepTranslation, dropout, quantile } from '@weightspace/augmentation';
import { mlp } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { families, generic, reluCnn, sineMlp, smallCnn } from './architectures.ts';
import { augment, B, networks, planeNet, pointsOf, relativeError, render, sineNet, stream } from './networks.ts';

const zeros = (values: ArrayLike<number>): number => Array.from(values).filter((x) => x === 0).length;

describe('dropout', () => {
  test('sets about the share of weights and biases to 0 and leaves the others', async () => {
    const one = dropout(0.3);
    expect(one.kind).toBe('approximate');
    const weights = generic(sineMlp, 40);
    const changed = await augment(one, sineMlp, weights, one.draw(sineMlp, 40, stream('dropout')));
    const all = (arrays: NdArrays) => Object.values(arrays).flatMap(({ data }) => Array.from(data));
    const [before, after] = [all(weights), all(changed)];
    expect(after.every((x, i) => x === 0 || x === before[i])).toBe(true);
    expect(zeros(after) / after.length).toBeGreaterThan(0.27);
    expect(zeros(after) / after.length).toBeLessThan(0.33);
    expect(zeros(changed['layer1.bias']!.data)).toBeGreaterThan(0);
  });
  test('leaves norms and their statistics', async () => {
    const weights = generic(smallCnn, B);
    const changed = await augment(dropout(0.9), smallCnn, weights, dropout(0.9).draw(smallCnn, B, stream('norms')));
    const norms = smallCnn.parameters.filter(({ kind }) => kind !== 'weight' && kind !== 'bias');
    expect(norms.length).toBeGreaterThan(3);
    for (const { name } of norms) expect(changed[name]!.data).toEqual(weights[name]!.data);
  });
  test('is nothing at 0', async () => {
    const weights = networks(sineNet);
    expect(await augment(dropout(0), sineNet, weights, dropout(0).draw(sineNet, B, stream('none')))).toEqual(weights);
  });
});

describe('quantile', () => {
  test.each(families)('sets just the smallest weights of every network of a %s to 0', async (_, architecture) => {
    const weights = generic(architecture, B);
    const shares = [0, 0.26, 0.4, 0.49];
    const draws = { quantile: ndarray(Float32Array.from(shares), [B]) };
    for (const device of ['cpu', 'eager'] as const) {
      const changed = await augment(quantile(0.5), architecture, weights, draws, device);
      for (const { name, kind } of architecture.parameters) {
        const [{ data: before }, { data: after }] = [weights[name]!, changed[name]!];
        if (kind !== 'weight') {
          expect(after).toEqual(before);
          continue;
        }
        const size = before.length / B;
        shares.forEach((share, b) => {
          const own = Array.from(before.slice(b * size, (b + 1) * size));
          const count = Math.floor(Math.fround(share) * size);
          const least = [...own].sort((x, y) => Math.abs(x) - Math.abs(y)).slice(0, count);
          expect(Array.from(after.slice(b * size, (b + 1) * size), (x) => x + 0)).toEqual(
            own.map((x) => (least.includes(x) ? 0 : x)),
          );
        });
      }
    }
  });
  test('draws a quantile of its own for each network, up to the most', () => {
    const { data } = quantile(0.1).draw(sineMlp, 400, stream('quantile'))['quantile']!;
    expect(Math.max(...data)).toBeLessThanOrEqual(0.1);
    expect(Math.max(...data)).toBeGreaterThan(0.095);
    expect(Math.min(...data)).toBeLessThan(0.005);
  });
});

describe('deepTranslation', () => {
  const shift = ndarray(
    Float32Array.from({ length: B * 2 }, (_, i) => 0.1 + 0.03 * i),
    [B, 2],
  );
  const into = (layer: number) => {
    const mask = new Float32Array(B * 3);
    for (let b = 0; b < B; b++) mask[b * 3 + layer] = 1;
    return { shift, mask: ndarray(mask, [B, 3]) };
  };
  test('into the first layer renders the network at moved points', async () => {
    const [weights, x] = [networks(planeNet), pointsOf(planeNet)];
    const changed = await augment(deepTranslation(), planeNet, weights, into(0));
    const moved = Float32Array.from({ length: B * 80 }, (_, i) => {
      const [b, axis] = [Math.floor(i / 80), i % 2];
      return x.data[i % 80]! + shift.data[b * 2 + axis]!;
    });
    const expected = await render(planeNet, weights, ndarray(moved, [B, 40, 2]));
    expect(relativeError(await render(planeNet, changed, x), expected)).toBeLessThan(1e-5);
  });
  test.each([1, 2])('into layer %i adds the products of the weights, and changes no other bias', async (layer) => {
    const weights = networks(planeNet);
    const changed = await augment(deepTranslation(), planeNet, weights, into(layer));
    const names = ['layer1', 'layer2', 'layer3'];
    for (let b = 0; b < B; b++) {
      let moved = Array.from(shift.data.slice(b * 2, b * 2 + 2));
      for (const [l, name] of names.entries()) {
        const [rows, columns] = planeNet.parameters.find((p) => p.name === `${name}.weight`)!.shape as [number, number];
        const own = weights[`${name}.weight`]!.data.slice(b * rows * columns, (b + 1) * rows * columns);
        moved = Array.from({ length: rows }, (_, i) => moved.reduce((sum, v, j) => sum + own[i * columns + j]! * v, 0));
        moved.forEach((value, i) => {
          const gap = changed[`${name}.bias`]!.data[b * rows + i]! - weights[`${name}.bias`]!.data[b * rows + i]!;
          expect(gap).toBeCloseTo(l === layer ? value : 0, 5);
        });
      }
    }
    for (const name of names) expect(changed[`${name}.weight`]!.data).toEqual(weights[`${name}.weight`]!.data);
  });
  test('draws one layer for each network, all of them in turn', () => {
    const { mask, shift: drawn } = deepTranslation(0.25).draw(planeNet, 300, stream('deep'));
    const counts = [0, 0, 0];
    for (let b = 0; b < 300; b++) {
      const own = Array.from(mask!.data.slice(b * 3, b * 3 + 3));
      expect([...own].sort()).toEqual([0, 0, 1]);
      counts[own.indexOf(1)]!++;
    }
    expect(Math.min(...counts)).toBeGreaterThan(70);
    expect(Math.max(...drawn!.data)).toBeLessThanOrEqual(0.25);
    expect(Math.min(...drawn!.data)).toBeLessThan(-0.24);
  });
  test('refuses what is no chain of linear layers with biases', () => {
    const message =
      /deep-translation: the network must be one chain of linear layers with biases, got 'conv1' \(conv2d\)/;
    expect(() => deepTranslation().draw(reluCnn, B, stream('x'))).toThrow(message);
    const unbiased = mlp({ sizes: [2, 3, 1], bias: false });
    expect(() => deepTranslation().draw(unbiased, B, stream('x'))).toThrow("got 'layer1' (linear)");
  });
});
