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
export { imageMlp, mlpFamily } from './tasks/image-mlp.ts';
export type { ImageMlpSettings, MlpFamilySettings } from './tasks/image-mlp.ts';
export { quadratics } from './tasks/quadratic.ts';
export type { QuadraticSettings } from './tasks/quadratic.ts';
