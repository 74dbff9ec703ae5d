import { describeMember } from '../support/member.ts';

const settings = { width: 9, layers: 2, head: [19] };
const wide = { width: 24, head: [40], dropout: 0 };
const variants = [{ phases: false }];
describeMember('scale-gmn', { settings, wide, variants });
describeMember('scale-gmn-b', { settings, wide, variants });
