import { permuteAxes } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import type { Architecture } from '@weightspace/architecture';
import { layoutOf } from '@weightspace/metanet';
import type { NdArrays } from '@weightspace/compute';

import { describeMember } from '../support/member.ts';

/** Masks `dropout.<layer>.<block>`, whose axes are the network, channels, and the block's hidden spaces. */
const actOnNoise = (architecture: Architecture, g: GroupElement, noise: NdArrays): NdArrays => {
  const { tensors } = layoutOf('test', architecture, 'hidden');
  return Object.fromEntries(
    Object.entries(noise).map(([name, mask]) => {
      const t = tensors.find((own) => name.endsWith(`.${own.name}`))!;
      return [name, permuteAxes(g, mask, [undefined, undefined, ...t.spaces])];
    }),
  );
};

describeMember('dws', {
  settings: { channels: [4, 6], heads: 2, lastHeads: 3 },
  variants: [
    { norm: 'none', dropout: 0.3, pool: 'mean' },
    { norm: 'layer', setLayer: 'deep-sets', perceptron: 2, head: [19] },
    { setLayer: 'deep-sets', pool: 'attention', diagonal: true },
    { downsample: 2, skip: true, pool: 'sum', norm: 'layer' },
  ],
  wide: { channels: [8, 12] },
  // Maps from every parameter to every other: with 32 parameters there are 1,024.
  variantsOn: ({ parameters }) => parameters.length < 10,
  actOnNoise,
});
