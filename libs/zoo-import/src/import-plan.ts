/** @file What a reader of a public zoo finds: rows, where their weights are, and what is known of them. */
import type { ArchitectureSpec } from '@weightspace/architecture';

/** Where a parameter of the architecture is in a network's row of numbers, or by which name in its checkpoint. */
export type ParameterPlace =
  | {
      readonly from: 'row';
      readonly start: number;
      /** As stored. */
      readonly shape: readonly number[];
      /** Stored axis that becomes each axis of the architecture's parameter. */
      readonly axes: readonly number[];
    }
  | { readonly from: 'tensor'; readonly name: string };

/** How the weights of some rows are read. */
export interface WeightReader {
  /** By the architecture's names. */
  readonly places: { readonly [parameter: string]: ParameterPlace };
  /** Of rows of numbers: the file of float32, and where its rows are; absent for checkpoints. */
  readonly rows?: { readonly file: string; readonly offset: number; readonly width: number };
}

/** A checkpoint of a run. */
export interface ImportedRow {
  /** Number of the run, unique in the zoo. */
  readonly run: number;
  /** Epochs trained. */
  readonly epoch: number;
  /** Number of the row in the file of all rows, or the row's own checkpoint. */
  readonly source: number | string;
  /** Its architecture, by number in the plan. */
  readonly architecture: number;
  /** Shares in 0 … 1 and nats; NaN where unknown. */
  readonly target: { readonly [name: string]: number };
  /** Whether the zoo itself says that a loss isn't finite. */
  readonly diverged: boolean;
  /** Settings that are numbers; NaN where unknown. */
  readonly settings: { readonly [name: string]: number };
  /** Settings that are words. */
  readonly words: { readonly [name: string]: string };
}

export interface ImportedArchitecture {
  readonly spec: ArchitectureSpec;
  readonly reader: WeightReader;
}

/** All that is there, before anything is left out. */
export interface ImportPlan {
  readonly architectures: readonly ImportedArchitecture[];
  /** Runs in the order of the files; the epochs of a run ascend. */
  readonly rows: readonly ImportedRow[];
  /** What the networks were trained on, as the zoo says. */
  readonly imageSet: string | undefined;
  /** What else belongs into the recipe; plain JSON. */
  readonly recipe: { readonly [name: string]: unknown };
  /** Part of each run (0 train, 1 validation, 2 test), where the zoo has published ones. */
  readonly published?: ReadonlyMap<number, number>;
  /** What was left out because it is broken, where that was asked for. */
  readonly broken: readonly string[];
}

export interface PlanOptions {
  /** Leave out what is broken in place of refusing the zoo. */
  readonly skipBroken?: boolean;
  /** A file with the zoo's published split, where it isn't in the folder. */
  readonly splitFile?: string;
}

/** A kind of public zoo. */
export interface ZooFormat {
  readonly name: string;
  readonly description: string;
  /** What the folder must hold, for messages and help. */
  readonly holds: string;
  readonly plan: (folder: string, options: PlanOptions) => Promise<ImportPlan>;
}
