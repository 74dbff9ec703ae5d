import type { Settings } from '@weightspace/metanet';

import { describeMember } from '../support/member.ts';

const settings = { channels: [11, 13], frequencies: 8, frequencyScale: 0.5, sharedChannels: 14, head: [19, 17] };
const wide = { channels: [16, 15], head: [40, 30], dropout: 0 };
const variants: readonly Settings[] = [
  { permutable: 'hidden', sharing: 'full', frequencies: 0 },
  { permutable: 'all', norm: true, residual: true, channels: [11, 11], sharedChannels: 3, normalize: false },
];
describeMember('unf', { settings, wide, variants });
