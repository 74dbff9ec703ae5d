/** @file `summary.json`: what a run gives, for people's scripts. */
import type { RunResult } from '../experiment.ts';
import type { JsonObject } from '../json.ts';

type Metrics = { readonly [name: string]: number };

/** In the file, a metric that isn't finite is null, since JSON has no NaN; `metrics.jsonl` keeps what it was. */
export interface Summary {
  readonly experiment: string;
  readonly config: JsonObject;
  readonly seed: number;
  readonly metrics: Metrics;
  readonly baselines: { readonly [model: string]: Metrics };
  /** Seconds that the run took, with those before it was resumed. */
  readonly seconds: number;
  readonly device: string;
  /** Git commit, with `-dirty` where files differed from it; null outside a repository. */
  readonly commit: string | null;
  /** Paths relative to the run's folder. */
  readonly artifacts: readonly string[];
}

/** @throws {TypeError} when a metric isn't a number */
export function checkResult(result: RunResult): void {
  const tables: [string, unknown][] = [
    ['metrics', result?.metrics],
    ...Object.entries(result?.baselines ?? {}).map(([model, table]): [string, unknown] => [
      `baselines['${model}']`,
      table,
    ]),
  ];
  for (const [where, table] of tables) {
    if (typeof table !== 'object' || table === null)
      throw new TypeError(`run: must return ${where} by name, got ${String(table)}`);
    for (const [name, value] of Object.entries(table)) {
      if (typeof value !== 'number')
        throw new TypeError(`run: ${where}['${name}'] must be a number, got ${JSON.stringify(value)}`);
    }
  }
}
