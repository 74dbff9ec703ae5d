/** @file A real MLflow server in a temporary folder, and a small one of our own that misbehaves on demand. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createServer as createSocket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function temporaryFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'tracking-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Path of the real `mlflow`, where there is one. */
export function findMlflow(): string | undefined {
  const named = process.env['WEIGHTSPACE_MLFLOW'];
  if (named !== undefined && named !== '') return named;
  return spawnSync('mlflow', ['--version']).status === 0 ? 'mlflow' : undefined;
}

export function freePort(): Promise<number> {
  const socket = createSocket();
  return new Promise((resolve) =>
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address() as AddressInfo;
      socket.close(() => resolve(port));
    }),
  );
}

/** A server that can be killed and started again on the same store. */
export class MlflowServer {
  readonly uri: string;
  readonly #mlflow: string;
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  constructor(mlflow: string, folder: string, port: number) {
    this.#mlflow = mlflow;
    this.#folder = folder;
    this.#port = port;
    this.uri = `http://127.0.0.1:${port}`;
  }

  async start(): Promise<void> {
    const args = [
      'server',
      '--backend-store-uri',
      `sqlite:///${join(this.#folder, 'mlflow.db')}`,
      '--artifacts-destination',
      join(this.#folder, 'artifacts'),
      '--host',
      '127.0.0.1',
      '--port',
      String(this.#port),
      '--workers',
      '1',
    ];
    const log = createWriteStream(join(this.#folder, 'server.log'), { flags: 'a' });
    // A group of its own, since the server's workers must be killed with it.
    this.#child = spawn(this.#mlflow, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: this.#folder });
    this.#child.stdout!.pipe(log);
    this.#child.stderr!.pipe(log);
    for (let i = 0; i < 1200; i++) {
      const up = await fetch(`${this.uri}/health`).then(
        (r) => r.ok,
        () => false,
      );
      if (up) return;
      await new Promise((done) => setTimeout(done, 250));
    }
    throw new Error(`the MLflow server didn't start; see ${join(this.#folder, 'server.log')}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const gone = new Promise((done) => child.once('exit', done));
    process.kill(-child.pid, 'SIGKILL');
    await gone;
    this.#child = undefined;
  }

  async call<T>(path: string, body?: object): Promise<T> {
    const response = await fetch(
      `${this.uri}/api/2.0/mlflow/${path}`,
      body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    );
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}

export interface Request {
  readonly path: string;
  readonly body: { readonly [key: string]: unknown };
  readonly headers: { readonly [key: string]: string | string[] | undefined };
}
export type Answer = { readonly status: number; readonly body?: object } | 'reset' | undefined;

/** Answers as MLflow would; `misbehave` may answer in its place, after the request was taken in. */
export async function fakeServer(
  misbehave: (request: Request, count: number) => Answer = () => undefined,
): Promise<{ readonly uri: string; readonly requests: Request[]; readonly close: () => Promise<void> }> {
  const requests: Request[] = [];
  const server: Server = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const json = incoming.headers['content-type'] === 'application/json' && text !== '';
      const request: Request = {
        path: incoming.url!.replace('/api/2.0/', ''),
        body: json ? (JSON.parse(text) as Request['body']) : {},
        headers: incoming.headers,
      };
      requests.push(request);
      const answer = misbehave(request, requests.length);
      if (answer === 'reset') return void incoming.socket.destroy();
      const { status, body = {} } = answer ?? { status: 200, body: usual(request) };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    uri: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

function usual({ path }: Request): object {
  if (path.startsWith('mlflow/experiments/get-by-name'))
    return { experiment: { experiment_id: '7', lifecycle_stage: 'active' } };
  if (path === 'mlflow/runs/create')
    return { run: { info: { run_id: 'r1', artifact_uri: 'mlflow-artifacts:/7/r1/artifacts' } } };
  if (path.startsWith('mlflow/runs/get'))
    return { run: { info: { run_id: 'r1', artifact_uri: 'mlflow-artifacts:/7/r1/artifacts' } } };
  return {};
}
