/** @file The gradient estimators that come with the lib; a new one is a file and a line here. */
import { registerEstimator } from './estimator.ts';
import { fullEs } from './full-es.ts';
import { pes } from './pes.ts';
import { truncatedBackpropagation } from './truncated-backpropagation.ts';
import { truncatedEs } from './truncated-es.ts';

registerEstimator(pes);
registerEstimator(truncatedEs);
registerEstimator(fullEs);
registerEstimator(truncatedBackpropagation);
