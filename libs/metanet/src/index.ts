import './metanets.ts';

export { canonicalMlp } from './families/baselines/canonical-mlp.ts';
export { frameAveraging, sortingFrames } from './families/baselines/frame-averaging.ts';
export { learnedCanonicalization } from './families/baselines/learned-canonicalization.ts';
export { neuronScoreParameters, neuronScores, scoredSpaces } from './families/baselines/neuron-scores.ts';
export type { ScoredSpace } from './families/baselines/neuron-scores.ts';
export { softOrder, straightThrough } from './families/baselines/soft-order.ts';
export { dws } from './families/dws/dws.ts';
export { deepSets, setTransformer } from './families/sets/set-metanets.ts';
export { dwsLayer, dwsLayerParameters } from './families/dws/dws-layer.ts';
export type { DwsLayerSettings } from './families/dws/dws-layer.ts';
export { normalizedRelu } from './families/dws/norm.ts';
export type { Norm, NormContext } from './families/dws/norm.ts';
export { dwsPlan, dwsTensors, relationOf } from './families/dws/plan.ts';
export type { DwsPlan, DwsTensor, Relation } from './families/dws/plan.ts';
export { resample, resampleParameters } from './families/dws/resample.ts';
export { attend } from './layers/sets/attend.ts';
export {
  isab,
  isabParameters,
  mab,
  mabParameters,
  pma,
  pmaParameters,
  sab,
  sabParameters,
} from './layers/sets/attention-blocks.ts';
export type { AttentionSettings } from './layers/sets/attention-blocks.ts';
export { deepSetsLayer, deepSetsParameters } from './layers/sets/deep-sets-layer.ts';
export { poolSet, setPools } from './layers/sets/pool-set.ts';
export type { SetPool } from './layers/sets/pool-set.ts';
export { flatMlp } from './families/baselines/flat-mlp.ts';
export { partitionsOf } from './families/unf/forest.ts';
export type { Forest, Index, Partition } from './families/unf/forest.ts';
export { countTerms, universalPlan } from './families/unf/plan.ts';
export type { IndexedTensor, Plan } from './families/unf/plan.ts';
export { unf, unfSettings } from './families/unf/unf.ts';
export type { UnfSettings } from './families/unf/unf.ts';
export { universalLayout } from './families/unf/universal-layout.ts';
export type { UniversalPermutable } from './families/unf/universal-layout.ts';
export { universalLinear, universalLinearParameters } from './families/unf/universal-linear.ts';
export type { UniversalLinearOptions } from './families/unf/universal-linear.ts';
export { chainOf } from './families/nft/chain.ts';
export type { ChainLayer } from './families/nft/chain.ts';
export { nft, nftSettings } from './families/nft/nft.ts';
export type { NftSettings } from './families/nft/nft.ts';
export { inr2Array, inr2ArrayPublished, inr2ArraySettings } from './families/nft/inr2array.ts';
export type { Inr2Array, Inr2ArraySettings } from './families/nft/inr2array.ts';
export {
  latentTransformer,
  latentTransformerPublished,
  latentTransformerSettings,
} from './families/nft/latent-transformer.ts';
export type { LatentTransformer, LatentTransformerSettings } from './families/nft/latent-transformer.ts';
export { bandsOf, renderPatches } from './families/nft/patches.ts';
export type { Picture } from './families/nft/patches.ts';
export { nftEncoder } from './families/nft/nft-encoder.ts';
export type { NftEncoder, NftEncoderSettings } from './families/nft/nft-encoder.ts';
export { npAttention, npAttentionParameters } from './families/nft/np-attention.ts';
export { attention } from './layers/attention.ts';
export { channelDropout, channelDropoutNoise } from './layers/channel-dropout.ts';
export { addBias, denseParameters, dense, project, projectAndAdd } from './layers/dense.ts';
export {
  fold,
  fourierFeatures,
  fourierFrequencies,
  measureScales,
  positionParameters,
  sinusoidalCodes,
  unfold,
} from './layers/encoding.ts';
export type { PositionContext, PositionEncoding } from './layers/encoding.ts';
export { equivariantLinear, equivariantLinearParameters } from './layers/equivariant-linear.ts';
export { blocksOf, joinBlocks, splitBlocks } from './blocks/blocks.ts';
export type { Block, Factor } from './blocks/blocks.ts';
export { blockLayout, layoutOf, layoutWith } from './blocks/layout.ts';
export type { Layout, Permutable, TensorLayout } from './blocks/layout.ts';
export { EDGE_ATTRIBUTES, KNOWN_IDS, NODE_ATTRIBUTES } from './graph/attributes.ts';
export type { EdgeAttribute, NodeAttribute } from './graph/attributes.ts';
export { blockOps } from './graph/block-ops.ts';
export { columnsOf, edgeColumns, nodeColumns } from './graph/columns.ts';
export { viewTensor } from './graph/block-values.ts';
export type { Columns } from './graph/columns.ts';
export { edgeOps } from './graph/edge-ops.ts';
export { edgeTemplate } from './graph/edge-template.ts';
export type { EdgeTemplate } from './graph/edge-template.ts';
export { addFeatures, applyLinear, combine, projectFeatures, projectLinear } from './graph/features.ts';
export type { Features, LinearFeatures } from './graph/features.ts';
export type { Direction, GraphOps, Reduction } from './graph/graph-ops.ts';
export { metaGraph } from './graph/meta-graph.ts';
export type { MetaBlock, MetaGraph, MetaGraphOptions, MetaGroup } from './graph/meta-graph.ts';
export { bucketSize, packGraphs } from './graph/pack-graphs.ts';
export { parametersOfBlocks, unpackGraphs } from './graph/write-back.ts';
export { editHead, editHeadParameters } from './layers/edit-head.ts';
export { gelu } from './layers/gelu.ts';
export { applyHead, headNoise, headParameters } from './layers/mlp-head.ts';
export type { HeadSettings } from './layers/mlp-head.ts';
export { measureMoments, standardizeBlock } from './layers/moments.ts';
export { layerNorms, normalize, normKinds, normParameters } from './layers/norms.ts';
export type { NormKind } from './layers/norms.ts';
export { perceiver, perceiverParameters } from './layers/perceiver.ts';
export type { PerceiverSettings } from './layers/perceiver.ts';
export { pointwise, pointwiseParameters } from './layers/pointwise.ts';
export { pool, pooledFeatures } from './layers/pool.ts';
export { addPositionEmbedding, positionEmbeddingParameters } from './layers/position-embedding.ts';
export { layerNorm, probeFeatures, probeParameters } from './layers/probe-features.ts';
export { MetanetError } from './metanet.ts';
export type { Editor, Metanet, MixedMetanet, Networks, WeightFunction } from './metanet.ts';
export { blockParameters as gmnBlockParameters, gmnBlock } from './families/gmn/gmn-block.ts';
export type { BlockSettings as GmnBlockSettings, GraphFeatures } from './families/gmn/gmn-block.ts';
export { gmn, gmnSettings } from './families/gmn/gmn.ts';
export type { GmnSettings } from './families/gmn/gmn.ts';
export { attributeSize } from './graph/attributes.ts';
export { measureEdgeScales } from './graph/edge-scales.ts';
export { layerNormFirst, scaledGelu } from './families/ng/channels-first.ts';
export { fractionMask } from './families/ng/dropout.ts';
export { ngGnn } from './families/ng/ng-gnn.ts';
export { ngT } from './families/ng/ng-t.ts';
export { densePairs, edgesOfPairs } from './families/ng/pairs.ts';
export { edgeUpdateParameters, pna, pnaParameters, silu, updatePnaEdges } from './families/ng/pna.ts';
export { relationalAttention, relationalAttentionParameters } from './families/ng/relational-attention.ts';
export { relationalLayerParameters, updateEdges, updateNodes } from './families/ng/relational-layer.ts';
export { nfnEditing, nfnHnp, nfnNp } from './families/nfn/nfn.ts';
export { nfnSettings } from './families/nfn/settings.ts';
export type { NfnSettings } from './families/nfn/settings.ts';
export { probeGen, probeGenSettings, probes, probesSettings } from './families/probing/probing.ts';
export { freeProbes, linearGenerator } from './families/probing/probe-generator.ts';
export type { GeneratorSettings, ProbeGenerator } from './families/probing/probe-generator.ts';
export type { ProbeGenSettings, ProbesSettings } from './families/probing/probing.ts';
export {
  createEditor,
  createMetanet,
  createMixedMetanet,
  inputFamilies,
  metanetKind,
  metanetKinds,
  registerMetanet,
} from './registry.ts';
export type { InputFamily, MetanetKind, Setting, Settings } from './registry.ts';
export { measureColumns, standardize } from './layers/standardize.ts';
export { statNn } from './families/baselines/stat-nn.ts';
export { measureStatistics, weightStatistics } from './families/baselines/weight-statistics.ts';
export { withCanonicalSigns } from './with-canonical-signs.ts';
