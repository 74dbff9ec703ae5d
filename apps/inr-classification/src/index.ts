export { compileLogits, compileStep, crossEntropy, initialState } from './classifier.ts';
export type { OptimizerSettings, StepResult, TrainBatch, TrainState } from './classifier.ts';
export { inrClassification } from './experiment.ts';
export { baselineRecipes } from './models.ts';
export { checkArchitecture, loadClassifier } from './saved-classifier.ts';
export { trainClassifier } from './train-classifier.ts';
export type { TrainingResult, TrainingSettings } from './train-classifier.ts';
export { labelsOf, loadZooData, weightsOf } from './zoo-data.ts';
export type { ZooData } from './zoo-data.ts';
