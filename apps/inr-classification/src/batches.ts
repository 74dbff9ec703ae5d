/** @file What a step of a training sees. */
import type { RandomStream } from '@weightspace/compute';
import type { Augmentation } from '@weightspace/augmentation';
import type { Metanet } from '@weightspace/metanet';

import type { TrainBatch } from './classifier.ts';
import { labelsOf, weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

/** @param stream of this batch alone */
export const drawBatch = (
  model: Metanet,
  augmentation: Augmentation,
  data: ZooData,
  rows: Int32Array,
  stream: RandomStream,
): TrainBatch => ({
  weights: weightsOf(data, rows),
  labels: labelsOf(data, rows),
  draws: augmentation.draw(model.architecture, rows.length, stream.split('augmentation')),
  noise: model.noise(rows.length, stream.split('noise')),
});
