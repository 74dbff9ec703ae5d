import { describeMember } from '../support/member.ts';

const settings = { width: 20, layers: 1, frequencies: 8, frequencyScale: 0.5, head: [19] };
const wide = { width: 36, head: [40], dropout: 0 };
describeMember('deep-sets', {
  settings,
  wide,
  variants: [{ pool: 'max' }, { pool: 'attention', dropout: 0.5 }],
});
describeMember('set-transformer', {
  settings,
  wide,
  variants: [
    { inducing: 3, seeds: 2 },
    { norm: false, heads: 2 },
  ],
});
