import { describeMember } from '../support/member.ts';

const settings = { head: [19, 17] };
const wide = { head: [40, 30], dropout: 0 };
describeMember('stat-nn', { settings, wide });
describeMember('flat-mlp', { settings, wide, invariant: false });
