/** @file The metanets that come with the lib; a new one is a file and a line here. */
import { flatMlp } from './families/baselines/flat-mlp.ts';
import { nfnHnp, nfnNp } from './families/nfn/nfn.ts';
import { probeGen, probes } from './families/probing/probing.ts';
import { nft } from './families/nft/nft.ts';
import { registerMetanet } from './registry.ts';
import { unf } from './families/unf/unf.ts';
import { statNn } from './families/baselines/stat-nn.ts';

registerMetanet(nfnNp);
registerMetanet(nfnHnp);
registerMetanet(nft);
registerMetanet(statNn);
registerMetanet(flatMlp);
registerMetanet(probes);
registerMetanet(probeGen);
registerMetanet(unf);
