import './metanets.ts';

export { flatMlp } from './flat-mlp.ts';
export { denseParameters, dense, project } from './layers/dense.ts';
export {
  fold,
  fourierFeatures,
  fourierFrequencies,
  measureScales,
  positionParameters,
  sinusoidalCodes,
} from './layers/encoding.ts';
export type { PositionContext, PositionEncoding } from './layers/encoding.ts';
export { equivariantLinear, equivariantLinearParameters } from './layers/equivariant-linear.ts';
export { layoutOf } from './layers/layout.ts';
export type { Layout, Permutable, TensorLayout } from './layers/layout.ts';
export { applyHead, headNoise, headParameters } from './layers/mlp-head.ts';
export type { HeadSettings } from './layers/mlp-head.ts';
export { pool, pooledFeatures } from './layers/pool.ts';
export { layerNorm, probeFeatures, probeParameters } from './layers/probe-features.ts';
export { MetanetError } from './metanet.ts';
export type { Metanet } from './metanet.ts';
export { nfnHnp, nfnNp, nfnSettings } from './nfn.ts';
export type { NfnSettings } from './nfn.ts';
export { createMetanet, metanetKind, metanetKinds, registerMetanet } from './registry.ts';
export type { MetanetKind, Setting, Settings } from './registry.ts';
export { measureColumns, standardize } from './standardize.ts';
export { statNn, weightStatistics } from './stat-nn.ts';
