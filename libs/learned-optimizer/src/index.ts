import './estimators/estimators.ts';
import './optimizers/optimizers.ts';
import './tasks/augmentations.ts';
import './tasks/families.ts';

export { LearnedOptimizerError } from './kinds.ts';
export type { Kind, Setting, Settings } from './kinds.ts';
export { clipped, createTaskFamily, registerTaskFamily, taskFamilyKinds } from './tasks/task.ts';
export type { Part, Task, TaskFamily, TaskKind } from './tasks/task.ts';
export { classificationTask } from './tasks/classification.ts';
export type { ClassificationOptions } from './tasks/classification.ts';
export { imageExamples } from './tasks/image-examples.ts';
export type { ImageExamples } from './tasks/image-examples.ts';
export { checkTask } from './tasks/check-task.ts';
export type { TaskCheckOptions, TaskReport } from './tasks/check-task.ts';
export { augmentationKinds, augmentFamily, registerAugmentation } from './tasks/augmentation.ts';
export type { AugmentationKind } from './tasks/augmentation.ts';
export { autoencoderFamily, autoencoders } from './tasks/autoencoder.ts';
export type { AutoencoderFamilySettings, AutoencoderSettings } from './tasks/autoencoder.ts';
export { cnnFamily, imageCnn } from './tasks/image-cnn.ts';
export type { CnnFamilySettings, ImageCnnSettings } from './tasks/image-cnn.ts';
export { imageMlp, mlpFamily } from './tasks/image-mlp.ts';
export type { ImageMlpSettings, MlpFamilySettings } from './tasks/image-mlp.ts';
export { inrFamily, inrFitting } from './tasks/inr-fitting.ts';
export type { InrFamilySettings, InrFittingSettings } from './tasks/inr-fitting.ts';
export { languageTask } from './tasks/language.ts';
export type { LanguageOptions } from './tasks/language.ts';
export { quadratics } from './tasks/quadratic.ts';
export type { QuadraticSettings } from './tasks/quadratic.ts';
export { reconstructionTask } from './tasks/reconstruction.ts';
export type { ReconstructionOptions } from './tasks/reconstruction.ts';
export { rnnLanguage, rnnLanguageFamily } from './tasks/rnn-language.ts';
export type { RnnLanguageFamilySettings, RnnLanguageSettings } from './tasks/rnn-language.ts';
export { transformerLanguage, transformerLanguageFamily } from './tasks/transformer-language.ts';
export type { TransformerLanguageFamilySettings, TransformerLanguageSettings } from './tasks/transformer-language.ts';
export { checkOptimizer } from './optimizers/check-optimizer.ts';
export type { OptimizerCheckOptions, OptimizerReport } from './optimizers/check-optimizer.ts';
export { follow, learnedStep, normalizers, TIME_FEATURES, timeFeatures } from './optimizers/features.ts';
export { factoredAxes, rowsAndColumns } from './optimizers/factored.ts';
export type { FactoredAxes } from './optimizers/factored.ts';
export { createOptimizer, optimizerKind, optimizerKinds, registerOptimizer } from './optimizers/learned-optimizer.ts';
export type { LearnedOptimizer, NetworkUpdate, OptimizerKind, UpdateContext } from './optimizers/learned-optimizer.ts';
export { beside, networksIn, perNetwork } from './optimizers/per-network.ts';
export { baselineKind, learnableKind } from './optimizers/rule.ts';
export type { Hyperparameter, Rule } from './optimizers/rule.ts';
export { structuredKind } from './structured/structured-optimizer.ts';
export type { CommonSettings } from './structured/structured-optimizer.ts';
export type { ElementFeatures, ElementMap, ElementMapFamily, MapOptions } from './structured/element-map.ts';
export {
  elementGraph,
  graphOutputParameters,
  graphOutputs,
  graphParameters,
  graphValues,
} from './structured/graph-features.ts';
export type { ElementGraph, GraphValues } from './structured/graph-features.ts';
export { hybridMap } from './structured/hybrid-map.ts';
export { sparseRound, sparseRoundParameters } from './structured/ng-t-map.ts';
export { createEstimator, estimatorKinds, registerEstimator } from './estimators/estimator.ts';
export type { Estimate, EstimatorKind, EstimatorState, GradientEstimator } from './estimators/estimator.ts';
export { delayed } from './unroll/delayed.ts';
export { truncatedStep } from './unroll/truncated-step.ts';
export type { TruncatedStep, Truncation, TruncationSettings } from './unroll/truncated-step.ts';
export type { HorizonRange } from './unroll/horizon.ts';
export type { UnrollState } from './unroll/unroll-state.ts';
export { metaTrain, outerDefaults } from './meta-training/meta-train.ts';
export type { MetaPoint, MetaResult, MetaTraining, OuterSettings } from './meta-training/meta-train.ts';
export { trainInner } from './inner-training/train-inner.ts';
export type { InnerTraining } from './inner-training/train-inner.ts';
export {
  curvesOfCopy,
  divergedShare,
  evaluationMeans,
  packCurves,
  unpackCurves,
} from './inner-training/inner-curves.ts';
export type { CurvesDescription, InnerCurves } from './inner-training/inner-curves.ts';
export { bestRate, copied, envelopeOf, envelopeRates, speedUp, trainRates } from './inner-training/rate-envelope.ts';
export type { RateEnvelope, RateTraining, SpeedUp } from './inner-training/rate-envelope.ts';
export { loadOptimizer, SavedOptimizerError, saveOptimizer } from './saved/saved-optimizer.ts';
export type { Provenance, SavedOptimizer, TrainedOptimizer } from './saved/saved-optimizer.ts';
export { trainingOptimizer } from './saved/training-optimizer.ts';
export type { TrainingOptimizerOptions } from './saved/training-optimizer.ts';
export { exportUpdate } from './saved/export-update.ts';
export type { ExportedUpdate } from './saved/export-update.ts';
