/** @file A public zoo of trained networks as one of ours. */
import { generateZoo, inlineExecutor } from '@weightspace/zoo';
import type { Chunk, Executor, MixedHeader, ZooHeader, ZooProgress } from '@weightspace/zoo';

import { rowsPerBlock, siftRows } from './finite-rows.ts';
import { zooFormat } from './formats.ts';
import type { ImportedRow, ImportPlan, PlanOptions } from './import-plan.ts';
import { importTask } from './import-rows.ts';
import type { ImportInput } from './import-rows.ts';
import { blocksOf, groupBy } from './lists.ts';
import { refusal } from './refuse.ts';
import { splitRuns } from './split-runs.ts';
import type { Shares } from './split-runs.ts';

export interface ImportOptions extends PlanOptions {
  /** Name of the format, as `zooFormats` has it. */
  readonly format: string;
  /** Where the public zoo is. */
  readonly folder: string;
  /** Where the new zoo goes. */
  readonly to: string;
  /** Only checkpoints of these epochs. */
  readonly epochs?: readonly number[];
  /** Only the last checkpoint of each run. */
  readonly final?: boolean;
  /** Only the first so many runs. */
  readonly runs?: number;
  /** Of runs, where the zoo has no published parts or `ownSplit` is set; 70 %, 15 % and 15 % unless said otherwise. */
  readonly shares?: Shares;
  /** Split the runs anew, also where there are published parts. */
  readonly ownSplit?: boolean;
  /** Of the split; 0 unless said otherwise. */
  readonly seed?: number;
  readonly resume?: boolean;
  readonly executor?: Executor;
  readonly commit?: string;
  readonly signal?: AbortSignal;
  /** How many rows of the public zoo have been looked at. */
  readonly onRows?: (count: number, of: number) => void;
  readonly onProgress?: (progress: ZooProgress) => void;
}

export interface ImportReport {
  /** Whether the whole zoo is there; false when it was stopped. */
  readonly done: boolean;
  readonly rows: number;
  readonly runs: number;
  readonly architectures: number;
  /** Checkpoints that were left out because they aren't finite, or came after one that isn't. */
  readonly notFinite: number;
  readonly broken: readonly string[];
  readonly split: 'published' | 'own';
}

const VERSION = '0.1.0';
/** Bytes of weights in a shard. */
const SHARD = 2 ** 24;

/**
 * Reads a public zoo, checks it row by row, and writes it as a zoo of ours: weights in the architecture's layout, targets,
 * settings of each run, split by run. All weights are read twice: to see whether they are finite, and to write them.
 *
 * @throws {RangeError} when there is no such format, or nothing is left of the zoo
 * @throws {ZooError} on a file or row of the public zoo that isn't as it must be, or as `generateZoo`
 * @throws {CheckpointError} on a damaged checkpoint
 */
export async function importZoo(options: ImportOptions): Promise<ImportReport> {
  const { folder, seed = 0, to, resume = false, onProgress, signal, commit } = options;
  const format = zooFormat(options.format);
  const found = await format.plan(folder, options);
  const plan = chosen(found, options);
  const sifted = await siftRows(plan, (count) => options.onRows?.(count, plan.rows.length));
  const rows = options.final === true ? lastOfRuns(sifted.rows) : sifted.rows;
  if (rows.length === 0) {
    const expected = 'checkpoints to import';
    throw refusal({
      file: folder,
      expected,
      found: 'none that were asked for and are finite',
      remedy: 'ask for other epochs',
    });
  }
  const runs = new Set(rows.map(({ run }) => run));
  const { published } = plan;
  const isPublished = published !== undefined && options.ownSplit !== true;
  const parts = isPublished ? published : ownParts(plan, seed, options.shares);
  const unknown = [...runs].find((run) => !parts.has(run));
  if (unknown !== undefined)
    throw refusal({
      file: folder,
      expected: 'each run in a part of the published split',
      found: `run ${unknown} in none`,
      remedy: 'split the runs anew (ownSplit)',
    });
  const codes = codesOf(plan.rows);
  const recipe = {
    imported: format.name,
    imageSet: plan.imageSet ?? null,
    ...plan.recipe,
    split: isPublished ? 'published' : { seed, shares: sharesOf(options.shares) },
    epochs: options.epochs ?? 'all',
    final: options.final === true,
    notFinite: sifted.leftOut,
    broken: plan.broken.length,
    codes,
  };
  const chunks = chunksOf(plan, rows, { parts, codes, diverged: sifted.diverged });
  const header = headerOf(plan, rows, { recipe, seed, generator: `zoo-import ${VERSION}` });
  const executor = options.executor ?? inlineExecutor();
  const done = await generateZoo({
    folder: to,
    header,
    chunks,
    task: importTask,
    executor,
    resume,
    ...(commit === undefined ? {} : { commit }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  return {
    done,
    rows: rows.length,
    runs: runs.size,
    architectures: new Set(rows.map(({ architecture }) => architecture)).size,
    notFinite: sifted.leftOut,
    broken: plan.broken,
    split: isPublished ? 'published' : 'own',
  };
}

const sharesOf = (shares: Shares = { train: 0.7, validation: 0.15, test: 0.15 }): Shares => shares;

/** Numbers of runs stay as they are, so that the split does too. */
function chosen(plan: ImportPlan, { epochs, runs = Infinity }: ImportOptions): ImportPlan {
  const rows = plan.rows.filter(({ run, epoch }) => run < runs && (epochs === undefined || epochs.includes(epoch)));
  return { ...plan, rows };
}

/** Runs follow each other, their epochs ascend. */
const lastOfRuns = (rows: readonly ImportedRow[]): ImportedRow[] =>
  rows.filter(({ run }, i) => rows[i + 1]?.run !== run);

function ownParts({ rows }: ImportPlan, seed: number, shares?: Shares): Map<number, number> {
  const runs = [...new Set(rows.map(({ run }) => run))];
  const parts = splitRuns(runs.length, seed, sharesOf(shares));
  return new Map(runs.map((run, i) => [run, parts[i]!]));
}

/** Words of each setting, in alphabetical order; a word's place is its code. */
function codesOf(rows: readonly ImportedRow[]): { readonly [setting: string]: readonly string[] } {
  const names = [...new Set(rows.flatMap(({ words }) => Object.keys(words)))];
  return Object.fromEntries(
    names.map((name) => [name, [...new Set(rows.map(({ words }) => words[name] ?? ''))].toSorted()]),
  );
}

function headerOf(
  { architectures }: ImportPlan,
  rows: readonly ImportedRow[],
  header: MixedHeader,
): MixedHeader | ZooHeader {
  const numbers = new Set(rows.map(({ architecture }) => architecture));
  const [first] = numbers;
  return numbers.size === 1 ? { architecture: architectures[first!]!.spec, ...header } : header;
}

interface Known {
  readonly parts: ReadonlyMap<number, number>;
  readonly codes: { readonly [setting: string]: readonly string[] };
  readonly diverged: ReadonlySet<number>;
}

/** A shard has rows of one architecture, in the order of the files. */
function chunksOf(plan: ImportPlan, rows: readonly ImportedRow[], known: Known): Chunk[] {
  const byArchitecture = groupBy(rows, ({ architecture }) => architecture);
  const several = byArchitecture.size > 1;
  let first = 0;
  return [...byArchitecture].flatMap(([number, own]) => {
    const architecture = plan.architectures[number]!;
    return blocksOf(own, rowsPerBlock(architecture, SHARD)).map((block): Chunk => {
      const networks = [first, (first += block.length) - 1] as const;
      const input: ImportInput = { architecture, ...columnsOf(block, known) };
      const shard = `shard-${String(networks[0]).padStart(7, '0')}.h5`;
      return { shard, rows: block.length, networks, input, ...(several ? { architecture: architecture.spec } : {}) };
    });
  });
}

function columnsOf(rows: readonly ImportedRow[], { parts, codes, diverged }: Known): Omit<ImportInput, 'architecture'> {
  const [{ target, settings }] = rows as [ImportedRow];
  const float = (f: (row: ImportedRow) => number) => ({ kind: 'float32', values: rows.map(f) }) as const;
  const whole = (f: (row: ImportedRow) => number) => ({ kind: 'int32', values: rows.map(f) }) as const;
  return {
    sources: rows.map(({ source }) => source),
    target: Object.fromEntries(Object.keys(target).map((name) => [name, rows.map((row) => row.target[name]!)])),
    fit: {
      run: whole(({ run }) => run),
      epoch: float(({ epoch }) => epoch),
      diverged: whole(({ run }) => (diverged.has(run) ? 1 : 0)),
      ...Object.fromEntries(Object.keys(settings).map((name) => [name, float((row) => row.settings[name]!)])),
      ...Object.fromEntries(
        Object.entries(codes).map(([name, words]) => [name, whole((row) => words.indexOf(row.words[name] ?? ''))]),
      ),
    },
    split: rows.map(({ run }) => parts.get(run)!),
  };
}
