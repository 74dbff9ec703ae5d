/** @file Runs in MLflow's own layout of files: `mlruns/<experiment>/<run>/…`. */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Entry, RunStatus, StartEntry } from './entry.ts';
import { TrackingError } from './tracking-error.ts';

const STATUS: { readonly [status in RunStatus]: number } = {
  RUNNING: 1,
  SCHEDULED: 2,
  FINISHED: 3,
  FAILED: 4,
  KILLED: 5,
};
const LOCAL = 4;
/** ids of experiments are digits: MLflow's migration reads them as numbers. */
const ID_DIGITS = 18;

/** A store in one folder; several processes may write different runs of it. */
export class FileStore {
  readonly root: string;
  readonly #folders = new Map<string, string>();

  constructor(root: string) {
    this.root = resolve(root);
  }

  /** Makes a run. @returns its id */
  start({ experiment, runName, startTime, tags }: StartEntry): string {
    const experimentId = this.#experiment(experiment, startTime);
    const id = randomUUID().replaceAll('-', '');
    const folder = join(this.root, experimentId, id);
    for (const part of ['artifacts', 'metrics', 'params', 'tags']) mkdirSync(join(folder, part), { recursive: true });
    writeMeta(folder, runMeta({ id, experimentId, runName, startTime, folder }));
    const all = {
      'mlflow.runName': runName,
      'mlflow.user': userName(),
      'mlflow.source.type': 'LOCAL',
      'mlflow.source.name': 'weightspace',
      ...tags,
    };
    for (const [key, value] of Object.entries(all)) this.write(id, { kind: 'tag', key, value });
    return id;
  }

  /** The folder of a run. @throws {TrackingError} when there is none */
  folderOf(id: string): string {
    const known = this.#folders.get(id);
    if (known !== undefined) return known;
    for (const name of existsSync(this.root) ? readdirSync(this.root) : []) {
      const folder = join(this.root, name, id);
      if (!existsSync(join(folder, 'meta.yaml'))) continue;
      this.#folders.set(id, folder);
      return folder;
    }
    throw new TrackingError(this.root, { expected: `run ${id}`, found: 'no such run', remedy: 'start a new one' });
  }

  /** Adds to a run. Metrics are appended, parameters and tags written, files copied. */
  write(id: string, entry: Exclude<Entry, StartEntry>): void {
    const folder = this.folderOf(id);
    if (entry.kind === 'metric') {
      append(join(folder, 'metrics', entry.key), `${entry.timestamp} ${text(entry.value)} ${entry.step}\n`);
    } else if (entry.kind === 'param') {
      put(join(folder, 'params', entry.key), entry.value);
    } else if (entry.kind === 'tag') {
      put(join(folder, 'tags', entry.key), entry.value);
    } else if (entry.kind === 'artifact') {
      const target = join(folder, 'artifacts', entry.path);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(entry.file, target);
    } else {
      this.#setEnd(folder, entry.status, entry.endTime);
    }
  }

  /** A run that goes on is running again. */
  reopen(id: string): void {
    this.#setEnd(this.folderOf(id), 'RUNNING', undefined);
  }

  #setEnd(folder: string, status: RunStatus, endTime: number | undefined): void {
    const meta = readFileSync(join(folder, 'meta.yaml'), 'utf8')
      .replace(/^status: .*$/m, `status: ${STATUS[status]}`)
      .replace(/^end_time: .*$/m, `end_time: ${endTime ?? 'null'}`);
    writeMeta(folder, meta);
  }

  #experiment(name: string, now: number): string {
    mkdirSync(join(this.root, '.trash'), { recursive: true });
    for (const id of readdirSync(this.root)) {
      const file = join(this.root, id, 'meta.yaml');
      if (
        /^\d+$/.test(id) &&
        existsSync(file) &&
        readFileSync(file, 'utf8')
          .split('\n')
          .includes(`name: ${quote(name)}`)
      )
        return id;
    }
    const id = newId();
    const folder = join(this.root, id);
    mkdirSync(folder, { recursive: true });
    const lines = [
      `artifact_location: ${quote(pathToFileURL(folder).href)}`,
      `creation_time: ${now}`,
      `experiment_id: '${id}'`,
      `last_update_time: ${now}`,
      'lifecycle_stage: active',
      `name: ${quote(name)}`,
    ];
    writeMeta(folder, `${lines.join('\n')}\n`);
    return id;
  }
}

/** 18 digits, of which the first isn't 0. */
function newId(): string {
  const digits = BigInt(`0x${randomBytes(8).toString('hex')}`)
    .toString()
    .padStart(20, '1');
  return `${(Number(digits[0]) % 9) + 1}${digits.slice(1, ID_DIGITS)}`;
}

function runMeta(run: {
  readonly id: string;
  readonly experimentId: string;
  readonly runName: string;
  readonly startTime: number;
  readonly folder: string;
}): string {
  const lines = [
    `artifact_uri: ${quote(pathToFileURL(join(run.folder, 'artifacts')).href)}`,
    'deleted_time: null',
    'end_time: null',
    "entry_point_name: ''",
    `experiment_id: '${run.experimentId}'`,
    'lifecycle_stage: active',
    `run_id: '${run.id}'`,
    `run_name: ${quote(run.runName)}`,
    `run_uuid: '${run.id}'`,
    "source_name: ''",
    `source_type: ${LOCAL}`,
    "source_version: ''",
    `start_time: ${run.startTime}`,
    `status: ${STATUS.RUNNING}`,
    'tags: []',
    `user_id: ${quote(userName())}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** A YAML text in double quotes: JSON's escapes are a part of YAML's. */
const quote = (value: string): string => JSON.stringify(value);
/** As Python's float() reads it. */
const text = (value: number | string): string =>
  value === 'Infinity' ? 'inf' : value === '-Infinity' ? '-inf' : value === 'NaN' ? 'nan' : String(value);

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // In a container the user may have no name.
  }
}

function writeMeta(folder: string, content: string): void {
  const file = join(folder, 'meta.yaml');
  writeFileSync(`${file}.tmp`, content);
  renameSync(`${file}.tmp`, file);
}

function put(file: string, value: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, value);
}

function append(file: string, line: string): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, line);
}
