/** @file The folder of a run, its state, and finding one to go on with. */
import { createHash } from 'node:crypto';
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

import { z } from 'zod';

import { EXIT, OutputError, UsageError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { makeFolder, makeFolders, writeJson } from './atomic-write.ts';

const runState = z.object({
  schema: z.literal('weightspace-run/1'),
  id: z.string(),
  experiment: z.string(),
  status: z.enum(['running', 'finished', 'failed', 'interrupted']),
  startedAt: z.string(),
  seed: z.number(),
  commit: z.string().nullable(),
  /** Id of the run in MLflow, once there is one. */
  trackingId: z.string().optional(),
  /** Whether MLflow has the artifacts and the end of a finished run. */
  tracked: z.boolean().optional(),
  problem: z.string().optional(),
});
/** `run.json`: what is needed to find the run again and to go on with it. */
export type RunState = Readonly<z.infer<typeof runState>>;

export interface RunFolder {
  readonly path: string;
  readonly state: RunState;
}

/** `<experiment>-<UTC time>-s<seed>-<6 letters>`, e.g. `siren-digits-20260131-104502-s3-k3x9f0`. */
export function runId(experiment: string, config: JsonObject, seed: number, now: Date, attempt = 0): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const key = JSON.stringify([config, seed, now.toISOString(), process.pid, attempt]);
  const digest = BigInt(`0x${createHash('sha256').update(key).digest('hex').slice(0, 16)}`);
  return `${experiment}-${time}-s${seed}-${digest.toString(36).padStart(6, '0').slice(-6)}`;
}

/** Names of folders that a build or a cached target replaces as a whole. */
const REPLACED = ['node_modules', 'dist', 'out-tsc', 'test-output', '.nx', 'zoos'];

/** @throws {UsageError} when the folder lies where an Nx cache hit would remove it */
export function refuseReplacedFolder(folder: string, option: string): void {
  const full = resolve(folder);
  const root = workspaceOf(full);
  if (root === undefined) return;
  const inside = relative(root, full)
    .split(sep)
    .find((part) => REPLACED.includes(part));
  if (inside === undefined) return;
  throw new UsageError(
    `${option} ${folder}: must lie outside of "${inside}", which other targets replace as a whole; choose another folder, e.g. runs`,
  );
}

/** The Nx workspace that a folder is in. */
function workspaceOf(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'nx.json'))) return at;
    if (at === dirname(at)) return undefined;
  }
}

/**
 * Makes the folder of a new run.
 *
 * @param out the folder itself; without it, one with the run's id is made in `parent`
 * @throws {UsageError} when `out` has files in it
 * @throws {OutputError} with exit code 2 when it can't be made
 */
export function createRunFolder(
  parent: string,
  out: string | undefined,
  run: {
    readonly experiment: string;
    readonly config: JsonObject;
    readonly seed: number;
    readonly commit: string | null;
  },
): RunFolder {
  const now = new Date();
  refuseReplacedFolder(out ?? parent, out === undefined ? '--runs-folder' : '--out');
  for (let attempt = 0; ; attempt++) {
    const id = runId(run.experiment, run.config, run.seed, now, attempt);
    const path = resolve(out ?? join(parent, id));
    if (out === undefined) makeFolder(parent, 'the runs folder', EXIT.usage);
    if (!makeEmptyFolder(path, out)) continue;
    const { experiment, seed, commit } = run;
    const startedAt = now.toISOString();
    const state: RunState = { schema: 'weightspace-run/1', id, experiment, status: 'running', startedAt, seed, commit };
    writeJson(join(path, 'config.json'), run.config, 'the config');
    return saveState({ path, state }, {});
  }
}

/** False when the name is taken, so that another id is needed. */
function makeEmptyFolder(path: string, out: string | undefined): boolean {
  try {
    if (out === undefined) mkdirSync(path);
    else makeFolders(path);
  } catch (cause) {
    if (out === undefined && (cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new OutputError('the run folder', path, cause, EXIT.usage);
  }
  const found = readdirSync(path);
  if (found.length === 0) return true;
  throw new UsageError(
    existsSync(join(path, 'run.json'))
      ? `--out ${out}: holds a run already; go on with it by --resume ${out}, or choose another folder`
      : `--out ${out}: must be empty or not exist, got a folder with ${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}`,
  );
}

export function saveState({ path, state }: RunFolder, change: Partial<RunState>): RunFolder {
  const next = { ...state, ...change };
  writeJson(join(path, 'run.json'), next, "the run's state");
  return { path, state: next };
}

/** @returns undefined when the folder holds no run */
export function openRunFolder(path: string): RunFolder | undefined {
  try {
    return { path: resolve(path), state: runState.parse(JSON.parse(readFileSync(join(path, 'run.json'), 'utf8'))) };
  } catch {
    return undefined;
  }
}

/** The config that a run was started with. @throws {UsageError} when it can't be read */
export function readConfig({ path }: RunFolder): JsonObject {
  const file = join(path, 'config.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JsonObject;
  } catch (cause) {
    throw new UsageError(
      `${file}: expected the run's settings, found ${(cause as Error).message}; start the run anew`,
      { cause },
    );
  }
}

/** Runs of an experiment in a folder, the newest first. */
export function listRuns(parent: string, experiment: string): RunFolder[] {
  if (statSync(parent, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(parent)
    .map((name) => openRunFolder(join(parent, name)))
    .filter((run): run is RunFolder => run?.state.experiment === experiment)
    .sort((a, b) => (a.state.startedAt < b.state.startedAt ? 1 : -1));
}

/**
 * The run that `--resume WHAT` names: a folder, an id, or the beginning of an id.
 *
 * @throws {UsageError} when there is none, several, or one of another experiment
 */
export function findRun(what: string, parent: string, experiment: string, cwd: string): RunFolder {
  const folder = isAbsolute(what) ? what : resolve(cwd, what);
  const direct = openRunFolder(folder);
  if (direct !== undefined) {
    if (direct.state.experiment === experiment) return direct;
    throw new UsageError(`--resume ${what}: must be a run of '${experiment}', got one of '${direct.state.experiment}'`);
  }
  const runs = listRuns(parent, experiment);
  const found = runs.filter(({ path }) => basename(path).startsWith(what));
  if (found.length === 1) return found[0]!;
  const names = (found.length > 1 ? found : runs)
    .slice(0, 5)
    .map(({ path, state }) => `${basename(path)} (${state.status})`);
  const problem = found.length > 1 ? 'fits several runs' : `no such run in ${shownPath(parent, cwd)}`;
  const list = names.length === 0 ? 'there is none of this experiment' : names.join(', ');
  throw new UsageError(`--resume ${what}: ${problem}; ${found.length > 1 ? '' : 'there: '}${list}`);
}

/** A path as the user would write it. */
export const shownPath = (path: string, cwd: string): string => {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
};

/**
 * Keeps two processes from writing one run.
 *
 * @returns releases the lock
 * @throws {UsageError} when a living process of this machine holds it
 */
export function lockRun(path: string): () => void {
  const file = join(path, 'lock');
  const mine = `${file}.${process.pid}`;
  try {
    // Written aside and linked, so that nobody ever sees a lock without its owner.
    writeFileSync(mine, `${process.pid}\n`);
    while (!linked(mine, file)) removeLeftLock(path, file);
  } catch (cause) {
    throw cause instanceof UsageError ? cause : new OutputError("the run's lock", file, cause);
  } finally {
    rmSync(mine, { force: true });
  }
  return () => rmSync(file, { force: true });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.includes(code)) throw cause;
    return copied(from, to);
  }
}

/** What file systems without hard links say. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

function copied(from: string, to: string): boolean {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/** Takes the lock of a process that is gone out of the way. @throws {UsageError} when its owner lives */
function removeLeftLock(path: string, file: string): void {
  const owner = ownerOf(file);
  if (owner === undefined) return;
  if (owner !== process.pid && isAlive(owner)) {
    throw new UsageError(
      `${path}: process ${owner} is writing this run; wait for it or stop it (if it isn't one, remove ${file})`,
    );
  }
  // Renamed first: of several that find it at once, one gets it, and none removes a lock that another took meanwhile.
  const aside = `${file}.${process.pid}.left`;
  try {
    renameSync(file, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  if (ownerOf(aside) !== owner) linked(aside, file);
  rmSync(aside, { force: true });
}

/** Undefined when there is no lock. */
function ownerOf(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
