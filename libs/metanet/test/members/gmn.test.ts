import { siren } from '@weightspace/architecture';
import { createEditor, createMetanet, metanetKind, MetanetError } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';
import { expect, test } from 'vitest';

import { tiny } from '../networks.ts';
import { describeMember } from '../support/member.ts';

const settings = { width: 16, layers: 2, heads: 4, head: [19] };
const wide = { width: 32, head: [40], dropout: 0 };
const variants: readonly Settings[] = [
  { layer: 'attention', dropout: 0.3, readout: 'both' },
  { exact: false, details: false, undirected: false, encoding: 'fourier', frequencyScale: 0.5, sigmoid: true },
];
describeMember('gmn', {
  settings,
  wide,
  variants,
});

const countOf = (more: Settings): number => {
  const { settings: published, sizes, outputs } = metanetKind('gmn').published!;
  return createMetanet('gmn', siren({ sizes }), outputs, { ...published, ...more } as Settings).parameterCount;
};

test('has the published number of parameters but for kinds of nodes that it does not have', () => {
  const { parameterCount } = metanetKind('gmn').published!;
  expect(countOf({})).toBe(181_249);
  expect(countOf({}) + (17 - 13) * 64).toBe(parameterCount);
  expect(countOf({ layer: 'attention' })).toBe(193_665);
});

test.each([
  [{ width: 0 }, 'gmn: width must be a whole number ≥ 1, got 0'],
  [{ layer: 'other' }, `gmn: layer must be 'messages' or 'attention', got "other"`],
  [{ layer: 'attention', heads: 5 }, 'gmn: heads must be a divisor of width, got 5'],
  [{ encoding: 'cosine' }, `gmn: encoding must be 'sine' or 'fourier', got "cosine"`],
  [{ encoding: 'fourier', width: 7 }, 'gmn: width must be even with Fourier features, got 7'],
  [{ readout: 'nodes' }, `gmn: readout must be 'edges' or 'both', got "nodes"`],
  [{ dropout: 1 }, 'gmn: dropout must be at least 0 and less than 1, got 1'],
  [{ head: [0] }, 'gmn: head must be a list of whole numbers ≥ 1, got [0]'],
] as const)('refuses %j, and says why', (more, message) => {
  expect(() => createMetanet('gmn', tiny, 2, more as never)).toThrow(MetanetError);
  expect(() => createEditor('gmn', tiny, more as never)).toThrow(message);
});
