/** @file MLflow's REST API 2.0, as far as runs need it. */
import { createReadStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';

import type { MetricEntry, ParamEntry, RunStatus, StartEntry, TagEntry } from './entry.ts';
import { TrackingError } from './tracking-error.ts';

/** What a call ended with, when it is the server's word and not the network's. */
export class MlflowError extends Error {
  override readonly name = 'MlflowError';
  readonly status: number;
  readonly code: string;

  constructor(path: string, status: number, code: string, message: string) {
    super(`MLflow answered ${path} with ${status} ${code}: ${message}`);
    this.status = status;
    this.code = code;
  }

  /** Whether the same call may go through later: also once a password that was wrong or has expired is right. */
  get isPassing(): boolean {
    return this.status >= 500 || [401, 403, 408, 429].includes(this.status);
  }
}

export interface Batch {
  readonly metrics: readonly MetricEntry[];
  readonly params: readonly ParamEntry[];
  readonly tags: readonly TagEntry[];
}

/** Bytes per second that an upload is given time for at least. */
const SLOWEST_UPLOAD = 100_000;
const JOURNAL_TAG = 'weightspace.journal';

/** One server. Every call may be repeated with the same effect. */
export class MlflowClient {
  /** Its address, without what doesn't matter. */
  readonly server: string;
  readonly #timeout: number;

  /** @throws {TrackingError} when the address isn't one */
  constructor(uri: string, timeoutMilliseconds = 10_000) {
    let url: URL;
    try {
      url = new URL(uri);
    } catch (cause) {
      throw new TrackingError(
        'MLFLOW_TRACKING_URI',
        {
          expected: 'an address such as http://127.0.0.1:5000, or a folder',
          found: JSON.stringify(uri),
          remedy: 'correct it, or unset it for the embedded store',
        },
        { cause },
      );
    }
    this.server = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
    this.#timeout = timeoutMilliseconds;
  }

  /** Id of the experiment, which is made when there is none. */
  async experiment(name: string): Promise<string> {
    try {
      return await this.#experimentByName(name);
    } catch (error) {
      if (!(error instanceof MlflowError) || error.code !== 'RESOURCE_DOES_NOT_EXIST') throw error;
    }
    try {
      return ((await this.#post('experiments/create', { name })) as { experiment_id: string }).experiment_id;
    } catch (error) {
      // Another process was quicker, or the answer to an earlier call was lost.
      if (error instanceof MlflowError && error.code === 'RESOURCE_ALREADY_EXISTS') return this.#experimentByName(name);
      throw error;
    }
  }

  async #experimentByName(name: string): Promise<string> {
    const { experiment } = (await this.#get('experiments/get-by-name', { experiment_name: name })) as {
      experiment: { experiment_id: string; lifecycle_stage: string };
    };
    if (experiment.lifecycle_stage === 'deleted')
      await this.#post('experiments/restore', { experiment_id: experiment.experiment_id });
    return experiment.experiment_id;
  }

  /** The run of a journal; found again by the journal's name when the answer to its making was lost. */
  async run(start: StartEntry, journal: string): Promise<string> {
    const experiment = await this.experiment(start.experiment);
    const found = (await this.#post('runs/search', {
      experiment_ids: [experiment],
      filter: `tags.\`${JOURNAL_TAG}\` = '${journal}'`,
      max_results: 1,
    })) as { runs?: { info: { run_id: string } }[] };
    const known = found.runs?.[0]?.info.run_id;
    if (known !== undefined) return known;
    const tags = Object.entries({ ...start.tags, [JOURNAL_TAG]: journal }).map(([key, value]) => ({ key, value }));
    const made = (await this.#post('runs/create', {
      experiment_id: experiment,
      run_name: start.runName,
      start_time: start.startTime,
      tags,
    })) as { run: { info: { run_id: string } } };
    return made.run.info.run_id;
  }

  /** Repeating a batch changes nothing: parameters and tags are the same, and metrics are told apart by all their fields. */
  async logBatch(run: string, { metrics, params, tags }: Batch): Promise<void> {
    await this.#post('runs/log-batch', batchBody(run, { metrics, params, tags }));
  }

  async update(run: string, status: RunStatus, endTime?: number): Promise<void> {
    await this.#post('runs/update', { run_id: run, status, ...(endTime === undefined ? {} : { end_time: endTime }) });
  }

  /** Sends a file through the server's artifact proxy. @throws {TrackingError} when it has none */
  async uploadArtifact(run: string, file: string, path: string): Promise<void> {
    const { run: found } = (await this.#get('runs/get', { run_id: run })) as {
      run: { info: { artifact_uri: string } };
    };
    const uri = found.info.artifact_uri;
    if (!uri.startsWith('mlflow-artifacts:')) {
      throw new TrackingError(`artifact ${path}`, {
        expected: 'a server that serves artifacts',
        found: uri,
        remedy: 'start it with --serve-artifacts and --artifacts-destination',
      });
    }
    const target = [...new URL(uri).pathname.split('/'), ...path.split('/')]
      .filter((part) => part !== '')
      .map(encodeURIComponent)
      .join('/');
    const { size } = statSync(file);
    const body = Readable.toWeb(createReadStream(file)) as ReadableStream;
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) };
    const request = { method: 'PUT', headers, body, duplex: 'half' } as RequestInit;
    await this.#fetch(
      `mlflow-artifacts/artifacts/${target}`,
      request,
      this.#timeout + Math.ceil(size / SLOWEST_UPLOAD) * 1000,
    );
  }

  #get(path: string, query: { readonly [key: string]: string }): Promise<unknown> {
    return this.#fetch(`mlflow/${path}?${new URLSearchParams(query).toString()}`, { method: 'GET' });
  }

  #post(path: string, body: object | string): Promise<unknown> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.#fetch(`mlflow/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    });
  }

  async #fetch(path: string, init: RequestInit, timeout = this.#timeout): Promise<unknown> {
    const response = await fetch(`${this.server}/api/2.0/${path}`, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), ...authorization() },
      signal: AbortSignal.timeout(timeout),
    });
    const text = await response.text();
    if (response.ok) return text === '' ? {} : (JSON.parse(text) as unknown);
    let problem: { error_code?: string; message?: string } = {};
    try {
      problem = JSON.parse(text) as typeof problem;
    } catch {
      problem = { message: text.slice(0, 200) };
    }
    throw new MlflowError(path.split('?')[0]!, response.status, problem.error_code ?? '', problem.message ?? '');
  }
}

/** The body of a batch, as its size is counted. */
export function batchBody(run: string, { metrics, params, tags }: Batch): string {
  return JSON.stringify({
    run_id: run,
    metrics: metrics.map(({ key, value, timestamp, step }) => ({ key, value, timestamp, step })),
    params: params.map(({ key, value }) => ({ key, value })),
    tags: tags.map(({ key, value }) => ({ key, value })),
  });
}

/** As MLflow's own client reads it from the environment. */
function authorization(): Record<string, string> {
  const {
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
    MLFLOW_TRACKING_TOKEN: token,
  } = process.env;
  if (user !== undefined && user !== '')
    return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
  if (token !== undefined && token !== '') return { authorization: `Bearer ${token}` };
  return {};
}
