export { contrastiveLoss } from './contrastive.ts';
export { inrEmbedding } from './experiment.ts';
export { classificationProbe, neighbourProbe, regressionProbe, standardizeColumns } from './linear-probe.ts';
export type { Embedded } from './linear-probe.ts';
export { mapOf } from './map.ts';
export { embed, trainEmbedding } from './train-embedding.ts';
