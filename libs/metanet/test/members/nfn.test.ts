import { cnn, siren } from '@weightspace/architecture';
import { createEditor, createMetanet, metanetKind, nfnEditing } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { tiny } from '../networks.ts';
import { describeMember } from '../support/member.ts';

const settings = { channels: [11, 13], frequencies: 8, frequencyScale: 0.5, head: [19, 17] };
const wide = { channels: [16, 15], head: [40, 30], dropout: 0 };
const residual = { channels: [11, 11, 11, 13], residual: true, norm: 'simple', start: 'kaiming' };
const variants: readonly Settings[] = [
  { position: 'sinusoidal', pool: 'np', norm: 'param', channelDropout: 0.3, matrixDropout: 0.1 },
  { position: 'none', dropout: 0.5, normalize: false, norm: 'channel', statistics: true },
  { frequencies: 0, zScore: true, ...residual },
];
describeMember('nfn-np', { settings, wide, variants });
describeMember('nfn-hnp', { settings, wide, variants: [...variants, { layers: 'pointwise' }] });

describe.each(['nfn-np', 'nfn-hnp'])('%s', (kind) => {
  test('has as many more parameters as its options say', () => {
    const countOf = (more: Settings) => createMetanet(kind, tiny, 2, { ...settings, ...more }).parameterCount;
    const plain = countOf({});
    expect(countOf({ statistics: true }) - plain).toBe(7 * 6 * 19);
    expect(countOf({ norm: 'channel' }) - plain).toBe(2 * (11 + 13));
    // Without axes of inputs and outputs folded, each of 6 tensors has a gain and a shift per channel.
    if (kind === 'nfn-np') expect(countOf({ norm: 'simple' }) - plain).toBe(6 * 2 * (11 + 13));
    expect(countOf({ start: 'kaiming' })).toBe(plain);
  });

  test.each([
    [{ norm: 'batch' }, "norm must be none, channel, simple or param, got 'batch'"],
    [{ layers: 'dense' }, "layers must be equivariant or pointwise, got 'dense'"],
    [{ start: 'zero' }, "start must be uniform or kaiming, got 'zero'"],
    [{ editLayer: 'none' }, "editLayer must be pointwise or equivariant, got 'none'"],
    [{ channelDropout: 1 }, 'channelDropout must be in [0, 1), got 1'],
    [{ matrixDropout: -1 }, 'matrixDropout must be in [0, 1), got -1'],
    [{ frequencies: -1 }, 'frequencies must be a whole number, 0 or more, got -1'],
    [
      { residual: true },
      'channels must be three or more, all but the last equal, where residual is true, got [11, 13]',
    ],
  ])('refuses %j', (more, message) => {
    expect(() => createMetanet(kind, tiny, 2, { ...settings, ...more })).toThrow(`${kind}: ${message}`);
  });
});

test('editing as published: NP of 3 × 128 has the parameters of the public code but for repeated biases', () => {
  const editor = createEditor('nfn-np', siren({ sizes: [2, 32, 32, 1] }), nfnEditing);
  // The public code has a bias in each of 18 maps of a layer, of which 6 remain.
  const biases = 12 * (3 * 128 + 1);
  expect(editor.parameterCount + biases).toBe(4_133_656);
});

test('generalization as published: NP of 16-16-5 channels on CNNs has 2.03 M parameters', () => {
  const zoo = cnn({
    input: { positions: [32, 32], size: 1 },
    features: [16, 16, 16],
    stride: 2,
    padding: 0,
    outputs: 10,
  });
  expect(zoo.parameterCount).toBe(4970);
  const model = createMetanet('nfn-np', zoo, 1, {
    channels: [16, 16, 5],
    frequencies: 0,
    position: 'learned',
    zScore: true,
    head: [1000, 1000],
  });
  expect((model.parameterCount / 1e6).toFixed(2)).toBe('2.03');
});

test('the kinds say where they depart', () => {
  for (const kind of ['nfn-np', 'nfn-hnp']) expect(metanetKind(kind).published!.departs).not.toBe('');
});
