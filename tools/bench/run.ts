/** @file Times the benchmarks of one project: `run.ts <project folder> [--only <text>] [--no-torch]`. */
import { spawnSync } from 'node:child_process';
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import type { Benchmark, TorchRun } from '@weightspace/compute';

import type { Measured } from './measure.ts';

const here = import.meta.dirname;
const node = ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register'];
/** The first interpreter that has PyTorch. */
const python = [process.env['WEIGHTSPACE_PYTHON'] ?? 'python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import torch, numpy'], { stdio: 'ignore' }).status === 0,
);
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' }, 'no-torch': { type: 'boolean', default: false } },
});
const project = resolve(positionals[0] ?? '.');

/** One line of bench.json. */
interface Row {
  readonly name: string;
  /** Median, per unit. */
  readonly seconds: number;
  readonly unit: string;
  /** Of the products, per unit. */
  readonly flops?: number;
  /** Of the matrix-product rate measured in the same run. */
  readonly peakShare?: number;
  readonly buildSeconds?: number;
  readonly memory: number;
  readonly values: { readonly [name: string]: number };
  readonly torch: readonly TorchRow[];
  /** Of the fastest set-up of PyTorch. */
  readonly torchSeconds?: number;
  readonly ratio?: number;
}
interface TorchRow {
  readonly label: string;
  readonly seconds: number;
  readonly ratio: number;
  readonly memory: number;
  readonly values: { readonly [name: string]: number };
}

const withTorch = python !== undefined && !flags['no-torch'];
if (!withTorch) console.log("skipped: PyTorch's times (no interpreter has torch, or --no-torch)");

/** Ours and theirs in turn, twice, so that a machine that slows down slows both. */
async function time(path: string, benchmark: Benchmark): Promise<Row> {
  const ours: Measured[] = [];
  const theirs = new Map<TorchRun, Measured[]>();
  const peaks: number[] = [];
  for (let round = 0; round < 2; round++) {
    peaks.push(run(process.execPath, [...node, join(here, 'measure.ts'), 'peak']).seconds);
    ours.push(run(process.execPath, [...node, join(here, 'measure.ts'), path, benchmark.name]));
    for (const torch of withTorch ? (benchmark.torch ?? []) : []) {
      const measured = run(python!, [join(here, 'pytorch', torch.script), ...torch.args]);
      theirs.set(torch, [...(theirs.get(torch) ?? []), measured]);
    }
  }
  const seconds = least(ours);
  const { flops, buildSeconds, values } = ours[0]!;
  const peak = (2 * 2048 ** 3) / Math.min(...peaks);
  const torch = [...theirs].map(([{ label }, found]) => ({
    label,
    seconds: least(found),
    ratio: least(found) / seconds,
    memory: Math.max(...found.map(({ memory }) => memory)),
    values: found[0]!.values,
  }));
  const fastest = torch.toSorted((a, b) => a.seconds - b.seconds)[0];
  const row: Row = {
    name: benchmark.name,
    seconds,
    unit: benchmark.unit?.name ?? 'step',
    ...(flops === undefined ? {} : { flops, peakShare: flops / seconds / peak }),
    ...(buildSeconds === undefined ? {} : { buildSeconds }),
    memory: Math.max(...ours.map(({ memory }) => memory)),
    values,
    torch,
    ...(fastest ? { torchSeconds: fastest.seconds, ratio: fastest.ratio } : {}),
  };
  print(row, peak);
  return row;
}

/** Each round gives a median; the round that was disturbed less counts. */
function least(rounds: readonly Measured[]): number {
  return Math.min(...rounds.map(({ seconds }) => seconds));
}

function run(command: string, args: readonly string[]): Measured {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (done.status !== 0) throw new Error(`bench: ${command} ${args.join(' ')} failed: ${done.stderr}`);
  return JSON.parse(done.stdout.trim().split('\n').at(-1)!) as Measured;
}

function print(row: Row, peak: number): void {
  const { name, unit, flops, peakShare, buildSeconds } = row;
  const work =
    flops === undefined
      ? ''
      : ` · ${(flops / row.seconds / 1e9).toFixed(0)} GFLOP/s in products, ${(100 * peakShare!).toFixed(0)} % of ${(peak / 1e9).toFixed(0)}`;
  const built = buildSeconds === undefined ? '' : ` · traced and built in ${buildSeconds.toFixed(2)} s`;
  console.log(`\n${name}`);
  console.log(`  ours: ${duration(row.seconds)} per ${unit}${work}${built} · ${size(row.memory)}${shown(row.values)}`);
  for (const { label, seconds, ratio, memory, values } of row.torch) {
    const share = `${ratio.toFixed(2)} × ours`;
    console.log(`  PyTorch, ${label}: ${duration(seconds)} · ${share} · ${size(memory)}${shown(values)}`);
  }
}

function save(rows: readonly Row[]): void {
  const file = join(project, 'bench.json');
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores`;
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
  const contents = { machine, node: process.versions.node, commit: stdout.trim(), benchmarks: rows };
  writeFileSync(`${file}.tmp`, `${JSON.stringify(contents, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
  console.log(`\n${file}`);
}

const duration = (seconds: number) =>
  seconds < 1e-3
    ? `${(seconds * 1e6).toPrecision(3)} µs`
    : seconds < 1
      ? `${(seconds * 1e3).toPrecision(3)} ms`
      : `${seconds.toPrecision(3)} s`;
const size = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
const shown = (values: { readonly [name: string]: number }) =>
  Object.entries(values)
    .map(([name, value]) => ` · ${name} ${value.toPrecision(4)}`)
    .join('');

const rows: Row[] = [];
for (const file of readdirSync(join(project, 'bench')).filter((name) => name.endsWith('.bench.ts'))) {
  const path = join(project, 'bench', file);
  const { benchmarks } = (await import(pathToFileURL(path).href)) as { benchmarks: readonly Benchmark[] };
  for (const benchmark of benchmarks) {
    if (benchmark.name.includes(flags.only!)) rows.push(await time(path, benchmark));
  }
}
if (rows.length === 0) throw new Error(`bench: no benchmark's name contains '${flags.only}' in ${project}`);
save(rows);
