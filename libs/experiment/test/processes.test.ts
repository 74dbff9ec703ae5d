import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { onlyRun } from '@weightspace/experiment/testing';
import { beforeAll, describe, expect, test } from 'vitest';

import { lastLine, readSummary, runCounter, startCounter, temporaryFolder, until } from './support.ts';

const SETTINGS = ['--set', 'steps=60', '--seed', '5', '--checkpoint-seconds', '0', '--no-tracking'];
const state = (run: string) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as { status: string };
const linesOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0);
const hasSteps = (runs: string, count: number) =>
  existsSync(runs) && readdirSync(runs).some((name) => linesOf(join(runs, name, 'metrics.jsonl')) >= count);

describe('a run that is not disturbed', () => {
  test('writes its folder, a copy of the summary, and the path of the summary as the last line', async () => {
    const folder = temporaryFolder();
    const copy = join(folder, 'new', 'out.json');
    const done = await runCounter('--runs-folder', join(folder, 'runs'), '--summary', copy, '--set', 'steps=7');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const run = onlyRun(join(folder, 'runs'));
    expect(lastLine(done.stdout)).toBe(join(run, 'summary.json'));
    const summary = readSummary(lastLine(done.stdout));
    expect(readSummary(copy)).toEqual(summary);
    expect(Object.keys(summary)).toEqual([
      'experiment',
      'config',
      'seed',
      'metrics',
      'baselines',
      'seconds',
      'device',
      'commit',
      'artifacts',
    ]);
    expect(summary).toMatchObject({
      experiment: 'counter',
      seed: 0,
      device: 'cpu',
      baselines: { still: { 'test/best': 0 } },
    });
    expect(summary.config).toEqual(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')));
    expect(summary.artifacts).toEqual(expect.arrayContaining(['config.json', 'metrics.jsonl', 'notes/walk.txt']));
    for (const name of summary.artifacts) expect(existsSync(join(run, name))).toBe(true);
    expect(state(run).status).toBe('finished');
    expect(existsSync(join(run, 'lock'))).toBe(false);
    expect(linesOf(join(run, 'metrics.jsonl'))).toBe(7);
  });
  test('prints one line when quiet, and is done at once when it is resumed', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const done = await runCounter('--runs-folder', runs, '--quiet');
    expect(done.stdout).toBe(`${join(onlyRun(runs), 'summary.json')}\n`);
    const again = await runCounter('--runs-folder', runs, '--quiet', '--resume');
    expect(again).toEqual(done);
    expect(readdirSync(runs)).toHaveLength(1);
  });
  test('shows a metric that is not a number as null', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const done = await runCounter('--runs-folder', runs, '--set', 'fail=nan', '--set', 'milliseconds=0');
    expect(readSummary(lastLine(done.stdout)).metrics['test/nan']).toBeNull();
    expect(done.stdout).toMatch(/test\/nan +NaN/);
  });
});

describe('a run that is killed', () => {
  let wanted: Record<string, number>;
  beforeAll(async () => {
    const done = await runCounter(...SETTINGS, '--runs-folder', join(temporaryFolder(), 'runs'));
    wanted = readSummary(lastLine(done.stdout)).metrics;
  });

  test.each([0, 1, 17, 43, 59])('by SIGKILL after step %i ends with the same metrics when resumed', async (step) => {
    const runs = join(temporaryFolder(), 'runs');
    const { child, finished } = startCounter([...SETTINGS, '--runs-folder', runs]);
    await until(() => (step === 0 ? existsSync(runs) : hasSteps(runs, step)));
    child.kill('SIGKILL');
    expect((await finished).signal).toBe('SIGKILL');
    const resumed = await runCounter(...SETTINGS, '--runs-folder', runs, '--resume');
    expect(resumed.code).toBe(0);
    expect(readSummary(lastLine(resumed.stdout)).metrics).toEqual(wanted);
  });

  test('twice, with its newest checkpoint and its metrics damaged in between, does so too', async () => {
    const runs = join(temporaryFolder(), 'runs');
    for (const step of [20, 45]) {
      const { child, finished } = startCounter([...SETTINGS, '--runs-folder', runs, '--resume']);
      await until(() => hasSteps(runs, step));
      child.kill('SIGKILL');
      await finished;
      const folder = join(onlyRun(runs), 'checkpoints', 'main');
      const newest = readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .sort()
        .at(-1)!;
      truncateSync(join(folder, newest), 30);
      appendFileSync(join(onlyRun(runs), 'metrics.jsonl'), '{"step":999,"metr');
    }
    const resumed = await runCounter(...SETTINGS, '--runs-folder', runs, '--resume');
    expect(resumed.stderr).toContain('warning: passed over a damaged checkpoint');
    expect(readSummary(lastLine(resumed.stdout)).metrics).toEqual(wanted);
    expect(linesOf(join(onlyRun(runs), 'metrics.jsonl'))).toBe(60);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s stops cleanly with a checkpoint and exit code 130',
    async (signal) => {
      const runs = join(temporaryFolder(), 'runs');
      const rare = SETTINGS.map((arg, at) => (SETTINGS[at - 1] === '--checkpoint-seconds' ? '1000' : arg));
      const { child, finished } = startCounter([...rare, '--runs-folder', runs]);
      await until(() => hasSteps(runs, 20));
      child.kill(signal);
      child.kill(signal); // From npm or Nx above, at the same moment.
      const stopped = await finished;
      expect(stopped).toMatchObject({ code: 130, signal: null });
      expect(stopped.stderr).toContain(
        `warning: ${signal}: stopping after the current step with a checkpoint; once more to stop at once`,
      );
      const run = onlyRun(runs);
      expect(stopped.stderr).toContain(`interrupted by ${signal}; go on with\n`);
      expect(stopped.stderr).toContain(`--resume ${run}`);
      expect(state(run).status).toBe('interrupted');
      const resumed = await runCounter('--resume', run, '--quiet');
      expect(readSummary(lastLine(resumed.stdout)).metrics).toEqual(wanted);
    },
  );

  test('by a second SIGINT ends at once', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const { child, finished } = startCounter(['--set', 'milliseconds=4000', '--runs-folder', runs, '--no-tracking']);
    await until(() => existsSync(runs) && readdirSync(runs).some((name) => existsSync(join(runs, name, 'log.jsonl'))));
    await new Promise((done) => setTimeout(done, 300));
    child.kill('SIGINT');
    await new Promise((done) => setTimeout(done, 1100));
    child.kill('SIGINT');
    const start = performance.now();
    const { code, stderr } = await finished;
    expect(code).toBe(130);
    expect(performance.now() - start).toBeLessThan(1500);
    expect(stderr).toContain('stopped at once by a second SIGINT');
  });
});

describe('resuming', () => {
  test('starts anew when there is nothing to resume', async () => {
    const done = await runCounter(
      '--runs-folder',
      join(temporaryFolder(), 'runs'),
      '--set',
      'milliseconds=0',
      '--resume',
    );
    expect(done.code).toBe(0);
    expect(done.stdout).toContain('nothing to resume');
  });
  test('refuses other settings, shows them, and leaves the run as it is', async () => {
    const runs = join(temporaryFolder(), 'runs');
    await runCounter('--runs-folder', runs, '--set', 'fail=plainly');
    const run = onlyRun(runs);
    for (const resume of [['--resume'], ['--resume', run]]) {
      const done = await runCounter('--runs-folder', runs, '--set', 'fail=plainly', '--set', 'steps=31', ...resume);
      expect(done.code).toBe(2);
      expect(done.stderr).toContain('has other settings\n    steps: 30 in the run, 31 in this command\n');
    }
    expect(state(run).status).toBe('failed');
  });
  test('refuses a checkpoint that another run left there', async () => {
    const runs = join(temporaryFolder(), 'runs');
    await runCounter('--runs-folder', runs, '--set', 'fail=plainly', '--checkpoint-seconds', '0');
    const run = onlyRun(runs);
    const folder = join(run, 'checkpoints', 'main');
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
      const file = join(folder, name);
      writeFileSync(file, readFileSync(file, 'utf8').replace('"milliseconds":10', '"milliseconds":11'));
    }
    const done = await runCounter('--resume', run);
    expect(done.code).toBe(2);
    expect(done.stderr).toContain('milliseconds: 11 in the checkpoint, 10 in this command');
  });
  test('refuses a run that is not there, and one that another process is writing', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const missing = await runCounter('--runs-folder', runs, '--resume', 'counter-2025');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('error: --resume counter-2025: no such run in ');
    await runCounter('--runs-folder', runs, '--set', 'fail=plainly');
    const run = onlyRun(runs);
    writeFileSync(join(run, 'lock'), `${process.pid}\n`);
    const locked = await runCounter('--resume', run);
    expect(locked.code).toBe(2);
    expect(locked.stderr).toContain(`${run}: process ${process.pid} is writing this run`);
  });
  test('lets one of several processes that resume the same killed run have it', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const { child, finished } = startCounter([...SETTINGS, '--runs-folder', runs]);
    await until(() => hasSteps(runs, 20));
    child.kill('SIGKILL');
    await finished;
    const run = onlyRun(runs);
    const ended = await Promise.all([0, 1, 2].map(() => runCounter('--resume', run)));
    const winners = ended.filter(({ code }) => code === 0);
    const losers = ended.filter(({ code }) => code === 2);
    // One that starts when another is done already finds it finished.
    expect(winners.length).toBeGreaterThan(0);
    expect(winners.length + losers.length).toBe(3);
    for (const { stderr } of losers) expect(stderr).toMatch(/process \d+ is writing this run/);
    expect(linesOf(join(run, 'metrics.jsonl'))).toBe(60);
    expect(readdirSync(run).filter((name) => name.startsWith('lock'))).toEqual([]);
  });
});

describe('MLflow', () => {
  /** Of the one run in a store. */
  const meta = (store: string) => {
    const folder = readdirSync(store, { recursive: true, encoding: 'utf8' }).find((name) =>
      /^\d+\/\w+\/meta/.test(name),
    )!;
    return { text: readFileSync(join(store, folder), 'utf8'), folder: join(store, folder, '..') };
  };
  test('is told that a run failed, and that one was stopped', async () => {
    for (const [status, args, signal] of [
      [4, ['--set', 'fail=plainly'], undefined],
      [5, ['--set', 'steps=2000'], 'SIGINT'],
    ] as const) {
      const folder = temporaryFolder();
      const [store, runs] = [join(folder, 'store'), join(folder, 'runs')];
      const { child, finished } = startCounter([...args, '--runs-folder', runs], { MLFLOW_TRACKING_URI: store });
      if (signal !== undefined) {
        await until(() => hasSteps(runs, 5));
        child.kill(signal);
      }
      const { stderr, code } = await finished;
      expect(code).toBe(signal === undefined ? 1 : 130);
      expect(stderr).not.toContain('warning: tracking');
      expect(meta(store).text).toMatch(new RegExp(`^status: ${status}$`, 'm'));
      expect(meta(store).text).toMatch(/^end_time: \d+$/m);
    }
  });
  test('gets the end of a run that was killed after it was done', async () => {
    const folder = temporaryFolder();
    const [store, runs] = [join(folder, 'store'), join(folder, 'runs')];
    const command = ['--set', 'milliseconds=0', '--runs-folder', runs];
    await startCounter(command, { MLFLOW_TRACKING_URI: store }).finished;
    // As it is between its summary and the end of tracking.
    const run = join(onlyRun(runs), 'run.json');
    writeFileSync(run, readFileSync(run, 'utf8').replace(/,\s*"tracked": true/, ''));
    const { text, folder: tracked } = meta(store);
    writeFileSync(join(tracked, 'meta.yaml'), text.replace('status: 3', 'status: 1'));
    rmSync(join(tracked, 'artifacts'), { recursive: true });
    const again = await startCounter([...command, '--resume'], { MLFLOW_TRACKING_URI: store }).finished;
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(meta(store).text).toContain('status: 3');
    expect(existsSync(join(tracked, 'artifacts', 'summary.json'))).toBe(true);
    expect(readFileSync(run, 'utf8')).toContain('"tracked": true');
  });
});

describe('a command that is wrong', () => {
  test('ends with code 2, nothing on stdout, and one block that helps', async () => {
    const done = await runCounter('--set', 'stpes=3');
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toMatch(/^error: --set stpes=3: no setting "stpes", .*\n  for help: node .*--help\n$/);
  });
});

describe('a run that fails', () => {
  test('ends with code 1, keeps its checkpoints, and says how to go on', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const done = await runCounter('--runs-folder', runs, '--set', 'fail=plainly');
    expect(done.code).toBe(1);
    expect(done.stderr).toContain('error: walk: step must not be 20, got 20\n');
    expect(done.stderr).toContain(`--resume ${onlyRun(runs)}\n  stack:    with --verbose, or in log.jsonl of the run`);
    expect(done.stderr).not.toMatch(/^ +at /m);
    expect(state(onlyRun(runs)).status).toBe('failed');
    expect(readFileSync(join(onlyRun(runs), 'log.jsonl'), 'utf8')).toContain('counter.ts');
    const verbose = await runCounter('--runs-folder', runs, '--set', 'fail=plainly', '--verbose');
    expect(verbose.stderr).toMatch(/^ +at .*counter\.ts/m);
  });
  test('only at the copy of its summary, on a full device, says where the summary is', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const done = await runCounter('--runs-folder', runs, '--summary', '/dev/full', '--set', 'milliseconds=0');
    expect(done.code).toBe(1);
    expect(done.stderr).toContain(
      'cannot write the copy of the summary /dev/full: no space is left on the device (ENOSPC)',
    );
    expect(done.stderr).toContain(`the run itself is done, and its summary is ${join(onlyRun(runs), 'summary.json')}`);
    expect(state(onlyRun(runs)).status).toBe('finished');
  });
});
