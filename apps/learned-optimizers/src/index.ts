export { namedOptimizers, withFolders } from './evaluation/optimizers.ts';
export { transferTasks } from './evaluation/transfer-tasks.ts';
export { evaluation } from './experiments/evaluate.ts';
export { metaTraining } from './experiments/meta-train.ts';
export { exportCommand } from './onnx/export-command.ts';
export { transfer } from './experiments/transfer.ts';
export { estimatorChoice, learnedKinds, optimizerChoice, taskChoice, tasksOf } from './settings.ts';
export type { Choice } from './settings.ts';
