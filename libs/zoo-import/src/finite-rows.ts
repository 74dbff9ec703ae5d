/** @file Which rows are fit for a zoo: those whose weights and loss are finite. */
import { defineArchitecture } from '@weightspace/architecture';

import type { ImportedRow, ImportPlan } from './import-plan.ts';
import { readWeights } from './import-rows.ts';
import { blocksOf, groupBy } from './lists.ts';

export interface Sifted {
  readonly rows: readonly ImportedRow[];
  /** Runs of which a checkpoint was left out because it isn't finite. */
  readonly diverged: ReadonlySet<number>;
  readonly leftOut: number;
}

/** Bytes of weights that are looked at at once. */
const BLOCK = 2 ** 26;

/**
 * Reads all weights once. A run whose weights or losses stop being finite keeps the checkpoints before.
 *
 * @param onRows is told how many rows have been looked at
 */
export async function siftRows(plan: ImportPlan, onRows: (count: number) => void = () => {}): Promise<Sifted> {
  const bad = new Set<ImportedRow>();
  let seen = 0;
  for (const [number, rows] of groupBy(plan.rows, ({ architecture }) => architecture)) {
    const architecture = plan.architectures[number]!;
    for (const block of blocksOf(rows, rowsPerBlock(architecture, BLOCK))) {
      const weights = await readWeights(
        architecture,
        block.map(({ source }) => source),
      );
      for (const { data, shape } of Object.values(weights)) {
        const size = data.length / shape[0]!;
        block.forEach((row, i) => {
          if (!allFinite(data as Float32Array, i * size, (i + 1) * size)) bad.add(row);
        });
      }
      onRows((seen += block.length));
    }
  }
  for (const row of plan.rows) if (row.diverged) bad.add(row);
  const end = new Map<number, number>();
  for (const { run, epoch } of bad) end.set(run, Math.min(end.get(run) ?? Infinity, epoch));
  const rows = plan.rows.filter(({ run, epoch }) => epoch < (end.get(run) ?? Infinity));
  return { rows, diverged: new Set(end.keys()), leftOut: plan.rows.length - rows.length };
}

function allFinite(data: Float32Array, from: number, to: number): boolean {
  // The sum of finite numbers times 0 is 0.
  let sum = 0;
  for (let i = from; i < to; i++) sum += data[i]! * 0;
  return sum === 0;
}

/** As many rows as fit into some bytes; at least one. */
export function rowsPerBlock({ spec, reader }: ImportPlan['architectures'][number], bytes: number): number {
  const width = reader.rows?.width ?? defineArchitecture(spec).parameterCount;
  return Math.max(1, Math.floor(bytes / (4 * width)));
}
