import { cnn, rnn, vit } from '@weightspace/architecture';
import { layoutOf, MetanetError } from '@weightspace/metanet';
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
  test.each([
    [
      cnn({ input, features: [2], pool: 'flatten', outputs: 2 }),
      "takes parameters whose axes are neurons of one space each, got 'fc1.weight' with an axis of conv1 × vector.position",
    ],
    [
      rnn({ cell: 'gru', steps: 2, size: 1, hidden: [3], outputs: 2 }),
      "got 'gru1.weight_ih' with an axis of gru1.gate × gru1",
    ],
    [
      vit({ positions: [4, 4], patch: 2, width: 4, depth: 1, heads: 2, fused: false, outputs: 2 }),
      "got 'block1_attention.q.weight' with an axis of block1_attention.head × block1_attention.qk",
    ],
  ])('refuses what needs blocks (%#)', (architecture, message) => {
    expect(() => layoutOf('nfn-np', architecture, 'hidden')).toThrow(MetanetError);
    expect(() => layoutOf('nfn-np', architecture, 'hidden')).toThrow(message);
  });
});
