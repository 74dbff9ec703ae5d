export { zooFormat, zooFormats } from './formats.ts';
export type {
  ImportedArchitecture,
  ImportedRow,
  ImportPlan,
  ParameterPlace,
  PlanOptions,
  WeightReader,
  ZooFormat,
} from './import-plan.ts';
export { readWeights } from './import-rows.ts';
export { importZoo } from './import-zoo.ts';
export type { ImportOptions, ImportReport } from './import-zoo.ts';
export { splitRuns } from './split-runs.ts';
export type { Shares } from './split-runs.ts';
export { torchvisionName } from './torchvision-name.ts';
