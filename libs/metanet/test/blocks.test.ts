import { gradientError, sameBits, toTensor } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { blockLayout, blocksOf, fold, joinBlocks, splitBlocks, unfold } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { networksOf, stream } from './networks.ts';
import { inputsOf } from './support/inputs.ts';

const all = Object.values(inputsOf).flatMap((networks) => networks.map((a) => [a.name, a] as const));
const tensorsOf = (arrays: NdArrays): Tensors =>
  Object.fromEntries(Object.entries(arrays).map(([name, x]) => [name, toTensor(x)]));
const arraysOf = (tensors: Tensors): NdArrays =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, x]) => [
      name,
      { dtype: 'float32' as const, shape: x.shape, data: x.dataSync() as Float32Array },
    ]),
  );

describe('blocksOf', () => {
  test('takes queries, keys and values apart, and says in which head they lie', () => {
    const [vit] = inputsOf.attention;
    const fused = blocksOf(vit!).filter(({ name }) => name.includes('[') && name.includes('attention'));
    const weights = fused.filter(({ kind }) => kind === 'weight');
    expect(weights.map(({ factors }) => factors.map(({ size }) => size))).toEqual([
      [2, 3, 6],
      [2, 3, 6],
      [2, 3, 6],
    ]);
    for (const { factors } of weights) expect(factors[1]).toMatchObject({ within: 0, free: true });
    const [q, k, v] = weights.map(({ factors }) => factors[1]!.space);
    expect(q).toBe(k);
    expect(v).not.toBe(q);
  });
  test('keeps a parameter whole where each axis is one space', () => {
    for (const block of blocksOf(inputsOf.mlp[0]!)) expect(block.name).toBe(block.parameter);
  });
});

describe.each(all)('on %s', (_, architecture) => {
  const layout = blockLayout(architecture, 'hidden');
  const weights = networksOf(architecture, 2);

  test('joinBlocks gives back what splitBlocks took apart, bit for bit', () => {
    const parts = splitBlocks(layout.blocks, tensorsOf(weights));
    for (const { name, factors } of layout.blocks)
      expect(parts[name]!.shape).toEqual([2, ...factors.map(({ size }) => size)]);
    const joined = arraysOf(joinBlocks(architecture, layout.blocks, parts));
    expect(sameBits(joined, weights)).toBe(true);
  });

  test('unfold gives back what fold folded', () => {
    for (const t of layout.tensors) {
      const x = toTensor(stream.split(t.name).normal([2, ...t.shape, 3]));
      const folded = fold(t, x);
      expect(folded.shape).toEqual([2, ...t.axes.map((axis) => t.shape[axis]!), t.folded * 3]);
      expect(Array.from(unfold(t, folded).dataSync())).toEqual(Array.from(x.dataSync()));
    }
  });
});

test('blocks can be differentiated', () => {
  const [gru] = inputsOf.recurrent;
  const blocks = blocksOf(gru!);
  const f = (w: Record<string, Tensor>) => joinBlocks(gru!, blocks, splitBlocks(blocks, w));
  expect(gradientError(f, networksOf(gru!, 1) as never)).toBeLessThan(1e-2);
});
