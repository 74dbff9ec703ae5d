import { cnn, rnn, vit } from '@weightspace/architecture';
import { blockLayout, layoutOf, MetanetError } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

const input = { positions: [4, 4], size: 1 };

describe('layoutOf', () => {
  test('folds kernels into the channels of a convolution', () => {
    const { tensors } = layoutOf('nfn-np', cnn({ input, features: [2, 3], outputs: 2 }), 'hidden');
    expect(tensors.find(({ name }) => name === 'conv2.weight')).toMatchObject({
      spaces: ['conv2', 'conv1'],
      folded: 9,
    });
  });
  test('folds the positions of flattened channels', () => {
    const { tensors } = layoutOf('nfn-np', cnn({ input, features: [2], pool: 'flatten', outputs: 2 }), 'hidden');
    expect(tensors.find(({ name }) => name === 'fc1.weight')).toMatchObject({ spaces: ['conv1'], folded: 2 * 16 });
  });
  test.each([
    [
      rnn({ cell: 'gru', steps: 2, size: 1, hidden: [3], outputs: 2 }),
      "takes parameters with at most two permutable axes that differ, got 'gru1.weight_hh' with [gru1.gate, gru1, gru1]",
    ],
    [
      vit({ positions: [4, 4], patch: 2, width: 4, depth: 1, heads: 2, fused: false, outputs: 2 }),
      "takes axes that have one order each, got 'block1_attention.q.weight' with block1_attention.qk within block1_attention.head",
    ],
  ])('refuses what needs blocks (%#)', (architecture, message) => {
    expect(() => layoutOf('nfn-np', architecture, 'hidden')).toThrow(MetanetError);
    expect(() => layoutOf('nfn-np', architecture, 'hidden')).toThrow(message);
    expect(blockLayout(architecture, 'hidden').tensors.length).toBeGreaterThan(0);
  });
});
