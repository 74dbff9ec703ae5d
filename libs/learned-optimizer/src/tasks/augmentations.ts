/** @file The task augmentations that come with the lib; a new one is a file and a line here. */
import { registerAugmentation } from './augmentation.ts';
import { delayedGradientsKind } from './delayed-gradients.ts';
import { reducedBatchKind } from './reduced-batch.ts';
import { rescaledWeightsKind } from './rescaled-weights.ts';

registerAugmentation(rescaledWeightsKind);
registerAugmentation(reducedBatchKind);
registerAugmentation(delayedGradientsKind);
