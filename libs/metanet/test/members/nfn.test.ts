import type { Settings } from '@weightspace/metanet';

import { describeMember } from '../support/member.ts';

const settings = { channels: [11, 13], frequencies: 8, frequencyScale: 0.5, head: [19, 17] };
const wide = { channels: [16, 15], head: [40, 30], dropout: 0 };
const variants: readonly Settings[] = [
  { position: 'sinusoidal', pool: 'np' },
  { position: 'none', dropout: 0.5, normalize: false },
];
describeMember('nfn-np', { settings, wide, variants });
describeMember('nfn-hnp', { settings, wide, variants });
