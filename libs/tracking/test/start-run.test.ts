import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FileStore, pushJournals, startRun, TrackingError } from '@weightspace/tracking';
import { afterEach, describe, expect, test } from 'vitest';

import { fakeServer, temporaryFolder } from './support.ts';
import type { Answer, Request } from './support.ts';

const { folder, remove } = temporaryFolder();
afterEach(() => void process.removeAllListeners('warning'));

const silent = () => undefined;
const keys = (request: Request, kind: 'metrics' | 'params' | 'tags') =>
  (request.body[kind] ?? []) as { key: string; step?: number }[];
const batches = (requests: readonly Request[]) => requests.filter(({ path }) => path === 'mlflow/runs/log-batch');

/** A run that logs some things on a server of the test's making. */
async function runOn(
  misbehave: (request: Request, count: number) => Answer,
  log: (run: ReturnType<typeof startRun>) => void,
  name: string,
) {
  const server = await fakeServer(misbehave);
  const warnings: string[] = [];
  const run = startRun({
    experiment: 'e',
    runName: 'r',
    uri: server.uri,
    journalFolder: join(folder, name),
    warn: (text) => void warnings.push(text),
  });
  log(run);
  await run.end('FINISHED');
  await server.close();
  return { requests: server.requests, warnings };
}

describe('a run on a server', () => {
  test('keeps within the limits of a batch', async () => {
    const { requests } = await runOn(
      () => undefined,
      (run) => {
        run.logParams(Object.fromEntries(Array.from({ length: 230 }, (_, i) => [`p${i}`, i])));
        run.setTags(Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`t${i}`, 'x'.repeat(4000)])));
        for (let step = 0; step < 2100; step++) run.logMetrics({ m: step }, step);
      },
      'limits',
    );
    for (const batch of batches(requests)) {
      const sizes = (['metrics', 'params', 'tags'] as const).map((kind) => keys(batch, kind).length);
      expect(sizes[0]).toBeLessThanOrEqual(1000);
      expect(sizes[1]).toBeLessThanOrEqual(100);
      expect(sizes[2]).toBeLessThanOrEqual(100);
      expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(1000);
      expect(JSON.stringify(batch.body).length).toBeLessThanOrEqual(1_000_000);
    }
    expect(batches(requests).flatMap((b) => keys(b, 'metrics').map((m) => m.step))).toEqual([...Array(2100).keys()]);
    expect(batches(requests).flatMap((b) => keys(b, 'params'))).toHaveLength(230);
  });

  test('a lost answer leads to the same batch again, and a 500 and a 429 to another try', async () => {
    let troubles = 0;
    const trouble: Answer[] = ['reset', { status: 500, body: {} }, { status: 429, body: {} }];
    const { requests, warnings } = await runOn(
      ({ path }) => (path === 'mlflow/runs/log-batch' ? trouble[troubles++] : undefined),
      (run) => run.logMetrics({ loss: 0.25 }, 3),
      'trouble',
    );
    const sent = batches(requests);
    expect(sent).toHaveLength(4);
    expect(new Set(sent.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(warnings[0]).toContain("can't be reached");
    expect(warnings.at(-1)).toContain('is back');
  });

  test('what the server refuses for good is told and passed over', async () => {
    const { requests, warnings } = await runOn(
      (request) =>
        keys(request, 'params').length > 0
          ? { status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE', message: 'changed param' } }
          : undefined,
      (run) => {
        run.logParams({ a: 1 });
        run.logMetrics({ loss: 1 }, 0);
      },
      'refused',
    );
    expect(warnings.join()).toContain('400 INVALID_PARAMETER_VALUE: changed param');
    expect(requests.at(-1)!.path).toBe('mlflow/runs/update');
  });

  test('a server that keeps no artifacts gets all else, and the run its end', async () => {
    const file = join(folder, 'plot.svg');
    writeFileSync(file, '<svg/>');
    const { requests, warnings } = await runOn(
      ({ path }) =>
        path.startsWith('mlflow/runs/get')
          ? { status: 200, body: { run: { info: { artifact_uri: 's3://bucket/1' } } } }
          : undefined,
      (run) => {
        run.logArtifact(file);
        run.logMetrics({ loss: 1 }, 0);
      },
      'proxy',
    );
    expect(warnings.join()).toContain(
      'artifact plot.svg: expected a server that serves artifacts, found s3://bucket/1; start it with --serve-artifacts',
    );
    expect(requests.at(-1)!.path).toBe('mlflow/runs/update');
    expect(batches(requests)).toHaveLength(1);
  });

  test('a password that is refused for a while loses nothing', async () => {
    let refusals = 0;
    const { requests } = await runOn(
      ({ path }) =>
        path === 'mlflow/runs/log-batch' && refusals++ < 2
          ? { status: refusals === 1 ? 401 : 403, body: {} }
          : undefined,
      (run) => run.logMetrics({ loss: 0.25 }, 3),
      'password',
    );
    expect(batches(requests)).toHaveLength(3);
  });

  test('sends credentials as MLflow reads them', async () => {
    process.env['MLFLOW_TRACKING_USERNAME'] = 'ann';
    process.env['MLFLOW_TRACKING_PASSWORD'] = 'secret';
    const { requests } = await runOn(() => undefined, silent, 'auth');
    delete process.env['MLFLOW_TRACKING_USERNAME'];
    delete process.env['MLFLOW_TRACKING_PASSWORD'];
    expect(requests[0]!.headers['authorization']).toBe(`Basic ${Buffer.from('ann:secret').toString('base64')}`);
  });

  test('without the server, everything stays in the journal, also a line that was cut short', async () => {
    const journals = join(folder, 'cut');
    mkdirSync(journals);
    const server = await fakeServer();
    const start = { kind: 'start', experiment: 'e', runName: 'r', startTime: 1, tags: {} };
    const metric = { kind: 'metric', key: 'loss', value: 1, timestamp: 1, step: 0 };
    writeFileSync(
      join(journals, 'abc.jsonl'),
      `${JSON.stringify(start)}\n${JSON.stringify(metric)}\n{"kind":"metric","key":"lo`,
    );
    expect(await pushJournals(server.uri, journals)).toEqual({ sent: 1, failed: [] });
    expect(batches(server.requests).flatMap((b) => keys(b, 'metrics'))).toHaveLength(1);
    expect(await pushJournals(server.uri, journals)).toEqual({ sent: 1, failed: [] });
    expect(batches(server.requests)).toHaveLength(1);
    await server.close();
    writeFileSync(join(journals, 'def.jsonl'), `${JSON.stringify(start)}\n`);
    expect((await pushJournals('http://127.0.0.1:9', journals)).failed.join()).toContain('def: ');
  });
});

test('a journal that one server has whole is sent to another one from its start', async () => {
  const journals = join(folder, 'two');
  const [first, second] = [await fakeServer(), await fakeServer()];
  const run = startRun({ experiment: 'e', runName: 'r', uri: first.uri, journalFolder: journals });
  run.logMetrics({ loss: 1 }, 0);
  await run.end('FINISHED');
  expect(await pushJournals(first.uri, journals)).toEqual({ sent: 1, failed: [] });
  expect(await pushJournals(second.uri, journals)).toEqual({ sent: 1, failed: [] });
  expect([first, second].map(({ requests }) => batches(requests).length)).toEqual([1, 1]);
  await Promise.all([first.close(), second.close()]);
});

describe('tracking:push', () => {
  const push = (args: readonly string[], uri: string) =>
    spawnSync(
      process.execPath,
      [
        '--conditions=@weightspace/source',
        '--import',
        'ts-blank-space/register',
        join(import.meta.dirname, '../src/cli.ts'),
        ...args,
      ],
      { encoding: 'utf8', env: { ...process.env, MLFLOW_TRACKING_URI: uri } },
    );
  test.each([
    [['push', '--help'], '', 0, 'Usage: npx nx run tracking:push'],
    [['push'], '', 2, "error: MLFLOW_TRACKING_URI isn't set"],
    [['push'], 'mlruns', 2, 'expected http://… or https://…, found mlruns'],
    [['push', 'nowhere'], 'http://127.0.0.1:9', 2, 'nowhere: expected a folder of journals, found nothing'],
    [['push', '--all'], 'http://127.0.0.1:9', 2, 'expected push and at most one folder, got push --all'],
  ])('%j with the address %j ends with code %i', (args, uri, code, text) => {
    const { status, stdout, stderr } = push(args, uri);
    expect(stdout + stderr).toContain(text);
    expect(status).toBe(code);
  });
});

describe('the embedded store', () => {
  test('has the layout that MLflow reads', async () => {
    const store = join(folder, 'mlruns');
    const run = startRun({ experiment: 'nfn', runName: 'first', uri: store, tags: { note: 'a\nb' } });
    run.logParams({ 'model.kind': 'nfn-np' });
    [0.5, NaN, -Infinity].forEach((value, step) => run.logMetrics({ 'train/loss': value }, step));
    await run.end('FAILED');
    const at = new FileStore(store).folderOf(run.id);
    expect(readFileSync(join(at, 'params', 'model.kind'), 'utf8')).toBe('nfn-np');
    expect(readFileSync(join(at, 'tags', 'note'), 'utf8')).toBe('a\nb');
    expect(
      readFileSync(join(at, 'metrics', 'train', 'loss'), 'utf8')
        .split('\n')
        .map((line) => line.split(' ').slice(1).join(' ')),
    ).toEqual(['0.5 0', 'nan 1', '-inf 2', '']);
    const meta = readFileSync(join(at, 'meta.yaml'), 'utf8');
    expect(meta).toContain('status: 4');
    expect(meta).toMatch(/^end_time: \d{13}$/m);
    expect(meta).toContain('run_name: "first"');
    const second = startRun({ experiment: 'nfn', runName: 'second', uri: store });
    expect(readdirSync(store).filter((name) => /^\d{18}$/.test(name))).toHaveLength(1);
    await second.end('FINISHED');
  });

  test('goes on with a run', async () => {
    const store = join(folder, 'resumed');
    const first = startRun({ experiment: 'e', runName: 'r', uri: `file:${store}` });
    await first.end('KILLED');
    const second = startRun({ experiment: 'e', runName: 'r', uri: `file:${store}`, resume: first.id });
    expect(readFileSync(join(second.location, 'meta.yaml'), 'utf8')).toContain('status: 1\n');
    expect(second.id).toBe(first.id);
    expect(existsSync(join(store, '.trash'))).toBe(true);
  });
});

describe('what is wrong is said', () => {
  const start =
    (uri: string, more = {}) =>
    () =>
      startRun({ experiment: 'e', runName: 'r', uri, journalFolder: join(folder, 'wrong'), ...more });
  test.each([
    [
      'an address that is none',
      start('http://'),
      'expected an address such as http://127.0.0.1:5000, or a folder, found "http://"',
    ],
    [
      'a kind of store without a client',
      start('sqlite:///mlflow.db'),
      'expected http://…, https://…, file:… or a folder, found sqlite:///mlflow.db',
    ],
    [
      'a run that is not there',
      start(join(folder, 'mlruns'), { resume: 'feed' }),
      'expected run feed, found no such run',
    ],
    [
      'a journal that is not there',
      start('http://127.0.0.1:9', { resume: 'feed' }),
      'expected the journal of run feed, found no such file',
    ],
    ['a name with a comma', () => start(join(folder, 'names'))().logMetrics({ 'a,b': 1 }, 0), 'found "a,b"; rename it'],
    ['a name that climbs', () => start(join(folder, 'names'))().logParams({ '../x': 1 }), 'found "../x"'],
  ])('%s', (_, f, text) => {
    expect(f).toThrow(text);
    expect(f).toThrow(TrackingError);
  });
});

test('the folder of the tests goes away', () => {
  remove();
  expect(existsSync(folder)).toBe(false);
});
