/** @file The metanets that come with the lib; a new one is a file and a line here. */
import { canonicalMlp } from './families/baselines/canonical-mlp.ts';
import { dws } from './families/dws/dws.ts';
import { flatMlp } from './families/baselines/flat-mlp.ts';
import { frameAveraging } from './families/baselines/frame-averaging.ts';
import { learnedCanonicalization } from './families/baselines/learned-canonicalization.ts';
import { gmn } from './families/gmn/gmn.ts';
import { nfnHnp, nfnNp } from './families/nfn/nfn.ts';
import { probeGen, probes } from './families/probing/probing.ts';
import { nft } from './families/nft/nft.ts';
import { registerMetanet } from './registry.ts';
import { unf } from './families/unf/unf.ts';
import { statNn } from './families/baselines/stat-nn.ts';

registerMetanet(nfnNp);
registerMetanet(nfnHnp);
registerMetanet(nft);
registerMetanet(gmn);
registerMetanet(statNn);
registerMetanet(flatMlp);
registerMetanet(probes);
registerMetanet(probeGen);
registerMetanet(unf);
registerMetanet(canonicalMlp);
registerMetanet(frameAveraging);
registerMetanet(learnedCanonicalization);
registerMetanet(dws);
