/** @file Zoos of trained networks in memory, as predicting from weights wants them. */
import { basename, resolve } from 'node:path';

import type { Architecture } from '@weightspace/architecture';
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import { openMixedZoo, SPLITS } from '@weightspace/zoo';
import type { MixedZoo, SplitName } from '@weightspace/zoo';

import { architectureColumns } from './architecture-columns.ts';
import { columnOf, joinColumns, namedColumn } from './columns.ts';
import type { Column, Columns } from './columns.ts';

/** Networks of one architecture. */
export interface RowGroup {
  readonly architecture: Architecture;
  /** Number of its first row. */
  readonly first: number;
  readonly count: number;
  /** By parameter; `[count, …shape]`. */
  readonly weights: NdArrays;
}

/** Checkpoints of trainings, of one zoo or of several, one after the other. */
export interface Rows {
  /** Folders of the zoos. */
  readonly paths: readonly string[];
  readonly count: number;
  readonly groups: readonly RowGroup[];
  /** Index of each row's group. */
  readonly groupOf: Int32Array;
  /** By name: targets, what is known of the fit, and of the architecture; `zoo`. */
  readonly columns: Columns;
  /** The training that each row is a checkpoint of. */
  readonly runs: Int32Array;
  /** 0 train, 1 validation, 2 test. */
  readonly split: Uint8Array;
}

/**
 * Reads zoos; runs of different zoos are different.
 *
 * @throws {ZooError} when one can't be read
 * @throws {UsageError} when it says nothing of runs, or a weight isn't finite, naming the row and the parameter
 */
export async function loadRows(paths: readonly string[]): Promise<Rows> {
  const all: Rows[] = [];
  for (const path of paths) all.push(await loadZoo(path));
  return sharedArchitectures(all.reduce(joinRows));
}

/** Equal architectures of different zoos are one value. */
function sharedArchitectures(rows: Rows): Rows {
  const known = new Map<string, Architecture>();
  const groups = rows.groups.map((group) => {
    const { signature } = group.architecture;
    const architecture = known.get(signature) ?? group.architecture;
    known.set(signature, architecture);
    return { ...group, architecture };
  });
  return { ...rows, groups };
}

async function loadZoo(path: string): Promise<Rows> {
  const zoo = await openMixedZoo(resolve(path));
  try {
    if (!zoo.fitNames().includes('run'))
      throw new UsageError(
        `zoo ${path}: expected /fit/run (which training a row is a checkpoint of), found ${zoo.fitNames().join(', ') || 'nothing'}; choose a zoo of trained networks`,
      );
    const groups = zoo.groups.map(({ architecture, first, zoo: own }) => ({
      architecture,
      first,
      count: own.count,
      weights: own.parameters(),
    }));
    for (const group of groups) checkFinite(path, group);
    const groupOf = new Int32Array(zoo.count);
    groups.forEach(({ first, count }, g) => groupOf.fill(g, first, first + count));
    return {
      paths: [path],
      count: zoo.count,
      groups,
      groupOf,
      columns: columnsOf(zoo, path, groups, groupOf),
      runs: Int32Array.from(zoo.fit('run').data),
      split: zoo.split(),
    };
  } finally {
    zoo.close();
  }
}

function checkFinite(path: string, { architecture, first, weights }: RowGroup): void {
  for (const { name, shape } of architecture.parameters) {
    const bad = (weights[name]!.data as Float32Array).findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    const row = Math.floor(bad / sizeOf(shape));
    throw new UsageError(
      `zoo ${path}: expected finite weights, found ${weights[name]!.data[bad]} in parameters/${name} of row ${first + row} (row ${row} of ${architecture.name}); generate the zoo again`,
    );
  }
}

function columnsOf(zoo: MixedZoo, path: string, groups: readonly RowGroup[], groupOf: Int32Array): Columns {
  const codes = codesOf(zoo.header.recipe);
  const columns = new Map<string, Column>();
  const name = basename(resolve(path));
  columns.set('zoo', namedColumn('zoo', Array<string>(zoo.count).fill(name)));
  for (const [column, of] of Object.entries(architectureColumns)) {
    const byGroup = groups.map(({ architecture }) => of(architecture));
    columns.set(
      column,
      byGroup.every((value) => typeof value === 'number')
        ? { name: column, values: Float64Array.from(groupOf, (g) => byGroup[g] as number), names: undefined }
        : namedColumn(
            column,
            Array.from(groupOf, (g) => String(byGroup[g])),
          ),
    );
  }
  const add = (column: string, array: NdArray, names?: readonly string[]) => {
    if (array.shape.length === 1) columns.set(column, { name: column, values: Float64Array.from(array.data), names });
  };
  // What a zoo says itself goes before what its architectures say.
  for (const column of zoo.fitNames()) add(column, zoo.fit(column), codes[column]);
  for (const column of zoo.targetNames()) add(column, zoo.target(column), undefined);
  return columns;
}

/** Names of the codes of columns, as the zoo's recipe has them. */
function codesOf(recipe: unknown): { readonly [column: string]: readonly string[] } {
  const codes = (recipe as { readonly codes?: unknown } | null)?.codes;
  return typeof codes === 'object' && codes !== null ? (codes as { [column: string]: readonly string[] }) : {};
}

function joinRows(a: Rows, b: Rows): Rows {
  const shift = a.runs.reduce((most, run) => Math.max(most, run), -1) + 1;
  const lowest = b.runs.reduce((least, run) => Math.min(least, run), 0);
  return {
    paths: [...a.paths, ...b.paths],
    count: a.count + b.count,
    groups: [...a.groups, ...b.groups.map((group) => ({ ...group, first: group.first + a.count }))],
    groupOf: Int32Array.from([...a.groupOf, ...b.groupOf.map((g) => g + a.groups.length)]),
    columns: new Map(
      [...a.columns].flatMap(([name, column]): [string, Column][] => {
        const other = b.columns.get(name);
        return other ? [[name, joinColumns(column, other)]] : [];
      }),
    ),
    runs: Int32Array.from([...a.runs, ...b.runs.map((run) => run - lowest + shift)]),
    split: Uint8Array.from([...a.split, ...b.split]),
  };
}

/** The weights of rows that have one architecture, in their order; `[rows, …shape]`. */
export function weightsOf({ groups, groupOf }: Rows, rows: ArrayLike<number>): NdArrays {
  const { architecture } = groups[groupOf[rows[0]!]!]!;
  return Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => {
      const size = sizeOf(shape);
      const data = new Float32Array(rows.length * size);
      for (let i = 0; i < rows.length; i++) {
        const { first, weights } = groups[groupOf[rows[i]!]!]!;
        const from = (rows[i]! - first) * size;
        data.set((weights[name]!.data as Float32Array).subarray(from, from + size), i * size);
      }
      return [name, ndarray(data, [rows.length, ...shape])];
    }),
  );
}

/** Some of the rows, in their order, numbered anew; architectures that none of them has are gone. */
export function selectRows(rows: Rows, kept: Int32Array): Rows {
  const parts = rows.groups.flatMap(({ architecture }, g) => {
    const own = kept.filter((row) => rows.groupOf[row] === g);
    return own.length === 0 ? [] : [{ architecture, own, weights: weightsOf(rows, own) }];
  });
  const order = Int32Array.from(parts.flatMap(({ own }) => [...own]));
  const groupOf = new Int32Array(order.length);
  let first = 0;
  const groups = parts.map(({ architecture, own, weights }, g) => {
    groupOf.fill(g, first, first + own.length);
    first += own.length;
    return { architecture, first: first - own.length, count: own.length, weights };
  });
  const columns = [...rows.columns].map(([name, column]): [string, Column] => [
    name,
    { ...column, values: Float64Array.from(order, (row) => column.values[row]!) },
  ]);
  return {
    paths: rows.paths,
    count: order.length,
    groups,
    groupOf,
    columns: new Map(columns),
    runs: Int32Array.from(order, (row) => rows.runs[row]!),
    split: Uint8Array.from(order, (row) => rows.split[row]!),
  };
}

export const rowsOfSplit = ({ split }: Rows, part: SplitName): Int32Array =>
  Int32Array.from([...split.keys()].filter((row) => split[row] === SPLITS.indexOf(part)));

/** The numbers to be predicted. @throws {UsageError} when there is no such column */
export const targetOf = ({ columns }: Rows, name: string): Float64Array => columnOf(columns, name, 'target').values;
