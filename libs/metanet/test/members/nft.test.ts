import { siren } from '@weightspace/architecture';
import { createMetanet, metanetKind } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';
import { expect, test } from 'vitest';

import { tiny } from '../networks.ts';
import { describeMember } from '../support/member.ts';

const settings = {
  blocks: 2,
  frequencies: 9,
  frequencyScale: 0.5,
  heads: 3,
  feedForward: 2,
  head: [19],
  latents: 8,
  latentWidth: 10,
  latentHeads: 2,
};
const wide = { dropout: 0, head: [40] };
const variants: readonly Settings[] = [
  { pool: 'perceiver', channelDropout: 0.3 },
  { pool: 'np', dropout: 0.5, normalize: false },
];
describeMember('nft', { settings, wide, variants });

test('has as many parameters as published, part by part', () => {
  const { settings: own, sizes, outputs, parameterCount } = metanetKind('nft').published!;
  const [C, tensors] = [256, 6];
  const linear = (from: number, to: number) => (from + 1) * to;
  const norms = 2 * tensors * 2 * C;
  const block = norms + linear(C, 3 * C) + tensors * (linear(C, 4 * C) + linear(4 * C, C));
  const embedding = (tensors + 2 + 1) * C;
  expect(block).toBe(3_356_928);
  expect(parameterCount).toBe(embedding + 6 * block + linear(tensors * C, outputs));
  const model = createMetanet('nft', siren({ sizes: [...sizes] }), outputs, own as Settings);
  expect(model.parameterCount).toBe(parameterCount);
});

test.each([
  [{ pool: 'max' }, "nft: pool must be hnp, np or perceiver, got 'max'"],
  [{ heads: 5 }, 'nft: heads must divide the 18 channels, which are twice the frequencies, got 5'],
  [{ blocks: 0 }, 'nft: blocks must be a whole number above 0, got 0'],
  [{ channelDropout: 1 }, 'nft: channelDropout must be in [0, 1), got 1'],
  [{ dropout: -1 }, 'nft: dropout must be in [0, 1), got -1'],
  [{ latents: 0 }, 'nft: latents must be a whole number above 0, got 0'],
  [{ selfLayers: 0.5 }, 'nft: selfLayers must be a whole number, 0 or more, got 0.5'],
])('refuses %j', (more, message) => {
  expect(() => createMetanet('nft', tiny, 2, { ...settings, ...more })).toThrow(message);
});
