/** @file Against the real MLflow: the server, its death and return, and the embedded store opened by it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FileStore, pushJournals, startRun } from '@weightspace/tracking';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findMlflow, freePort, MlflowServer, temporaryFolder } from './support.ts';

const mlflow = findMlflow();
if (mlflow === undefined)
  process.stderr.write('skipped: no MLflow here; set WEIGHTSPACE_MLFLOW to its executable, or pip install mlflow\n');

interface RunAnswer {
  readonly info: {
    readonly run_id: string;
    readonly run_name: string;
    readonly status: string;
    readonly artifact_uri: string;
  };
  readonly data: {
    readonly metrics?: { key: string; value: number | string }[];
    readonly params?: { key: string; value: string }[];
    readonly tags?: { key: string; value: string }[];
  };
}

describe.skipIf(mlflow === undefined)('against the real MLflow server', () => {
  const { folder, remove } = temporaryFolder();
  let server: MlflowServer;
  const journals = (name: string) => join(folder, name);
  const find = async (runName: string): Promise<RunAnswer[]> => {
    const { experiments } = await server.call<{ experiments: { experiment_id: string }[] }>('experiments/search', {
      max_results: 100,
    });
    const { runs = [] } = await server.call<{ runs?: RunAnswer[] }>('runs/search', {
      experiment_ids: experiments.map((e) => e.experiment_id),
      max_results: 100,
    });
    return runs.filter(({ info }) => info.run_name === runName);
  };
  const history = async (run: string, key: string) => {
    const { metrics } = await server.call<{ metrics: { step: number; value: number | string }[] }>(
      `metrics/get-history?run_id=${run}&metric_key=${encodeURIComponent(key)}&max_results=25000`,
    );
    return metrics.map(({ step, value }) => [Number(step), value] as const).sort((a, b) => a[0] - b[0]);
  };

  beforeAll(async () => {
    server = new MlflowServer(mlflow!, folder, await freePort());
    await server.start();
  });
  afterAll(async () => {
    await server.kill();
    remove();
  });

  test('runs, params, metrics with steps, NaN and infinities, tags and artifacts arrive', async () => {
    const file = join(folder, 'model.bin');
    writeFileSync(file, Buffer.from([1, 2, 3, 255]));
    const run = startRun({
      experiment: 'family/first',
      runName: 'all kinds',
      uri: server.uri,
      journalFolder: journals('a'),
      tags: { purpose: 'test ünï' },
    });
    run.logParams({ 'model.kind': 'nfn-np', rate: 1e-3, deep: true });
    [0.5, NaN, Infinity, -Infinity, 1e-300].forEach((value, step) => run.logMetrics({ 'train/loss': value }, step));
    run.setTags({ later: 'yes' });
    run.logArtifact(file, 'models/best');
    await run.end('FINISHED');
    const [found] = await find('all kinds');
    expect(found!.info.status).toBe('FINISHED');
    expect(Object.fromEntries(found!.data.params!.map((p) => [p.key, p.value]))).toEqual({
      'model.kind': 'nfn-np',
      rate: '0.001',
      deep: 'true',
    });
    expect(Object.fromEntries(found!.data.tags!.map((t) => [t.key, t.value]))).toMatchObject({
      purpose: 'test ünï',
      later: 'yes',
    });
    const values = (await history(found!.info.run_id, 'train/loss')).map(([, value]) => value);
    // A database keeps infinity as the largest number.
    expect(values.map(String)).toEqual([
      '0.5',
      'NaN',
      expect.stringMatching(/Infinity|1.797\d+e\+?308/),
      expect.stringMatching(/-Infinity|-1.797\d+e\+?308/),
      '1e-300',
    ]);
    const artifact = found!.info.artifact_uri.replace('mlflow-artifacts:', '');
    const answer = await fetch(`${server.uri}/api/2.0/mlflow-artifacts/artifacts${artifact}/models/best/model.bin`);
    expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([1, 2, 3, 255]);
  });

  test('more than a batch may carry goes in several', async () => {
    const run = startRun({ experiment: 'limits', runName: 'many', uri: server.uri, journalFolder: journals('b') });
    run.logParams(Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`p${i}`, i])));
    run.setTags(Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`t${i}`, String(i)])));
    for (let step = 0; step < 2500; step++) run.logMetrics({ m: step / 7 }, step);
    run.logParams({ long: 'x'.repeat(9000) });
    await run.end('FINISHED');
    const [found] = await find('many');
    expect(found!.data.params).toHaveLength(251);
    expect(found!.data.tags!.filter(({ key }) => /^t\d+$/.test(key))).toHaveLength(250);
    expect(found!.data.params!.find(({ key }) => key === 'long')!.value).toMatch(/x … \[9000 characters\]$/);
    expect((await history(found!.info.run_id, 'm')).map(([step]) => step)).toEqual([...Array(2500).keys()]);
  });

  test('a server that dies mid-run and comes back: nothing lost, nothing twice', async () => {
    const warnings: string[] = [];
    const run = startRun({
      experiment: 'death',
      runName: 'survivor',
      uri: server.uri,
      journalFolder: journals('c'),
      warn: (text) => void warnings.push(text),
    });
    for (let step = 0; step < 50; step++) run.logMetrics({ loss: step }, step);
    await new Promise((done) => setTimeout(done, 1500));
    await server.kill();
    for (let step = 50; step < 120; step++) run.logMetrics({ loss: step }, step);
    await new Promise((done) => setTimeout(done, 1000));
    expect(warnings.join()).toContain("can't be reached");
    await server.start();
    for (let step = 120; step < 150; step++) run.logMetrics({ loss: step }, step);
    await run.end('FINISHED');
    const found = await find('survivor');
    expect(found).toHaveLength(1);
    expect(await history(found[0]!.info.run_id, 'loss')).toEqual(
      Array.from({ length: 150 }, (_, step) => [step, step]),
    );
    expect(found[0]!.info.status).toBe('FINISHED');
  });

  test('a run of which the server saw nothing is pushed later, and pushed twice it is there once', async () => {
    await server.kill();
    const run = startRun({
      experiment: 'away',
      runName: 'offline',
      uri: server.uri,
      journalFolder: journals('d'),
      warn: () => undefined,
    });
    run.logParams({ a: 1 });
    for (let step = 0; step < 20; step++) run.logMetrics({ loss: step }, step);
    await run.end('KILLED');
    await server.start();
    expect(await pushJournals(server.uri, journals('d'))).toEqual({ sent: 1, failed: [] });
    expect(await pushJournals(server.uri, journals('d'))).toEqual({ sent: 1, failed: [] });
    // Even when what was acknowledged has been forgotten, everything is sent again and changes nothing.
    for (const name of readdirSync(journals('d')).filter((n) => n.endsWith('.sent.json')))
      writeFileSync(join(journals('d'), name), '{"bytes":0}');
    expect(await pushJournals(server.uri, journals('d'))).toEqual({ sent: 1, failed: [] });
    const found = await find('offline');
    expect(found).toHaveLength(1);
    expect(found[0]!.info.status).toBe('KILLED');
    expect(await history(found[0]!.info.run_id, 'loss')).toHaveLength(20);
  });

  test('a run is gone on with', async () => {
    const first = startRun({ experiment: 'resume', runName: 'goes on', uri: server.uri, journalFolder: journals('e') });
    first.logMetrics({ loss: 1 }, 0);
    await first.end('KILLED');
    const second = startRun({
      experiment: 'resume',
      runName: 'goes on',
      uri: server.uri,
      journalFolder: journals('e'),
      resume: first.id,
    });
    second.logMetrics({ loss: 0.5 }, 1);
    await second.end('FINISHED');
    const found = await find('goes on');
    expect(found).toHaveLength(1);
    expect(found[0]!.info.status).toBe('FINISHED');
    expect(await history(found[0]!.info.run_id, 'loss')).toEqual([
      [0, 1],
      [1, 0.5],
    ]);
  });
});

describe.skipIf(mlflow === undefined)('the embedded store', () => {
  test('is moved into a database by the real MLflow, with every value', () => {
    const { folder, remove } = temporaryFolder();
    const store = join(folder, 'mlruns');
    mkdirSync(store);
    const file = join(folder, 'note.txt');
    writeFileSync(file, 'hello');
    const run = startRun({ experiment: 'family: "quoted"', runName: 'it’s embedded', uri: store });
    run.logParams({ kind: 'nfn', rate: 0.1 });
    [1, NaN, Infinity, 1e-7].forEach((value, step) => run.logMetrics({ 'train/loss': value }, step));
    run.logArtifact(file);
    void run.end('FINISHED');
    const database = join(folder, 'moved.db');
    const moved = spawnSync(mlflow!, ['migrate-filestore', '--source', store, '--target', `sqlite:///${database}`], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect(moved.status, moved.stdout + moved.stderr).toBe(0);
    const python = join(mlflow!, '..', 'python3');
    const script = `
import sqlite3
db = sqlite3.connect(${JSON.stringify(database)})
print(sorted(db.execute("select key, value from params").fetchall()))
print(sorted(db.execute("select step, is_nan, value > 1e300 from metrics where key = 'train/loss'").fetchall()))
print([tuple(r) for r in db.execute("select name, status from runs")])
print([r[0] for r in db.execute("select name from experiments") if r[0] != 'Default'])`;
    const read = spawnSync(python, ['-c', script], { encoding: 'utf8' });
    expect(read.stdout.trim().split('\n')).toEqual([
      "[('kind', 'nfn'), ('rate', '0.1')]",
      '[(0, 0, 0), (1, 1, 0), (2, 0, 1), (3, 0, 0)]',
      "[('it’s embedded', 'FINISHED')]",
      `['family: "quoted"']`,
    ]);
    expect(readFileSync(join(new FileStore(store).folderOf(run.id), 'artifacts', 'note.txt'), 'utf8')).toBe('hello');
    remove();
  });
});
