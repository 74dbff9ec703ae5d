import type { Settings } from '@weightspace/metanet';

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
