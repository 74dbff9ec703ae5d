import { describeMember } from '../support/member.ts';

const settings = { head: [19, 17] };
const wide = { head: [40, 30], dropout: 0 };
describeMember('stat-nn', { settings, wide });
describeMember('flat-mlp', { settings, wide, invariant: false });
describeMember('canonical-mlp', { settings, wide, variants: [{ key: 'mean' }, { gauge: false }] });
describeMember('frame-averaging', { settings: { ...settings, frames: 3 }, wide, variants: [{ gauge: false }] });
describeMember('learned-canonicalization', {
  settings: { ...settings, channels: 11 },
  wide: { ...wide, channels: 16 },
  variants: [{ gauge: false }],
});
