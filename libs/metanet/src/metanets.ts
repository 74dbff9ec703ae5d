/** @file The metanets that come with the lib; a new one is a file and a line here. */
import { flatMlp } from './flat-mlp.ts';
import { nfnHnp, nfnNp } from './nfn.ts';
import { registerMetanet } from './registry.ts';
import { statNn } from './stat-nn.ts';

registerMetanet(nfnNp);
registerMetanet(nfnHnp);
registerMetanet(statNn);
registerMetanet(flatMlp);
