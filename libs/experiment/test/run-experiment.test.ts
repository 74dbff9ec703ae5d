import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ndarray } from '@weightspace/compute';
import { defineExperiment, formatSeconds, runExperiment, Stopwatch } from '@weightspace/experiment';
import type { RunLogger, Stage, StartRunLogger, Surroundings } from '@weightspace/experiment';
import { onlyRun } from '@weightspace/experiment/testing';

import { lastLine, readSummary, temporaryFolder } from './support.ts';

const small = defineExperiment({
  name: 'small',
  claim: 'The sum is 6; refuted by any other.',
  config: { steps: 3, note: 'a b', model: { kind: 'wide', width: 4 } },
  configurations: { quick: {}, full: { steps: 5 } },
  rules: { steps: { min: 1 } },
  run: async (context) => {
    let sum = 0;
    for (let step = 1; step <= context.config.steps; step++) {
      sum += step;
      context.logMetrics({ 'train/sum': sum, 'train/nan': NaN }, step);
    }
    context.writeArtifact('notes/sum.txt', String(sum));
    await context.savePlot(
      'empty',
      { svg: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="8"/>', width: 9, height: 8 },
      'Nothing.',
    );
    return { metrics: { 'test/sum': sum }, baselines: { zero: { 'test/sum': 0 } } };
  },
});

interface Call {
  readonly name: string;
  readonly values: readonly unknown[];
}

function recorder(fail?: string) {
  const calls: Call[] = [];
  const note =
    (name: string) =>
    (...values: unknown[]) => {
      calls.push({ name, values });
      if (name === fail) throw new Error(`${name} is down`);
    };
  const logger = {
    id: 'run-7',
    location: 'mlruns',
    ...Object.fromEntries(['logParams', 'logMetrics', 'setTags', 'logArtifact'].map((name) => [name, note(name)])),
    end: (status: string) => Promise.resolve(status).then(note('end')),
  } as unknown as RunLogger;
  const start: StartRunLogger = (options) => {
    note('start')(options);
    return Promise.resolve(logger);
  };
  return { calls, start, of: (name: string) => calls.filter((call) => call.name === name).map(({ values }) => values) };
}

async function run(args: readonly string[], extra: Surroundings = {}, runs = join(temporaryFolder(), 'runs')) {
  let [stdout, stderr] = ['', ''];
  const streams = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const code = await runExperiment(small, args, {
    streams,
    runsFolder: runs,
    env: {},
    startLogger: recorder().start,
    ...extra,
  });
  return { code, stdout, stderr, runs };
}

describe('tracking', () => {
  test('gets config, seed, code, versions and device before the first step, and artifacts at the end', async () => {
    const { calls, start, of } = recorder();
    const { code, runs } = await run(['--seed', '3'], { startLogger: start });
    expect(code).toBe(0);
    expect(calls.slice(0, 4).map(({ name }) => name)).toEqual(['start', 'logParams', 'setTags', 'logMetrics']);
    expect(of('logParams')).toEqual([[{ seed: 3, steps: 3, note: 'a b', 'model.kind': 'wide', 'model.width': 4 }]]);
    const [[tags]] = of('setTags') as [[Record<string, string>]];
    expect(tags).toMatchObject({
      device: 'cpu',
      'mlflow.note.content': small.claim,
      'version.@tensorflow/tfjs': '4.22.0',
      'environment.node': process.versions.node,
    });
    expect(tags!['git.commit']).toMatch(/^[0-9a-f]{40}(-dirty)?$/);
    expect(tags!['mlflow.source.name']).toContain('--seed 3');
    expect(of('logMetrics')).toEqual([
      [{ 'train/sum': 1, 'train/nan': NaN }, 1],
      [{ 'train/sum': 3, 'train/nan': NaN }, 2],
      [{ 'train/sum': 6, 'train/nan': NaN }, 3],
      [{ 'test/sum': 6 }, 3],
      [{ 'baselines/zero/test/sum': 0 }, 3],
    ]);
    const folder = onlyRun(runs);
    const names = [
      'config.json',
      'metrics.jsonl',
      'notes/sum.txt',
      'plots/empty.svg',
      'plots/empty.png',
      'report.html',
      'summary.json',
    ];
    expect(of('logArtifact')).toEqual(
      names.map((name) => [join(folder, name), name.includes('/') ? name.split('/')[0] : undefined]),
    );
    expect(calls.findLastIndex(({ name }) => name === 'logMetrics')).toBeLessThan(
      calls.findIndex(({ name }) => name === 'logArtifact'),
    );
    expect(calls.at(-1)).toEqual({ name: 'end', values: ['FINISHED'] });
    expect(readSummary(join(folder, 'summary.json')).artifacts).toEqual(names.slice(0, -1));
  });
  test('that is down is a warning, and the run goes on', async () => {
    for (const name of ['start', 'logMetrics', 'end']) {
      const { code, stderr } = await run([], { startLogger: recorder(name).start });
      expect(code).toBe(0);
      expect(stderr.match(/warning: .*/g)).toEqual([expect.stringContaining(`warning: tracking: ${name} is down`)]);
    }
  });
  test('is told of a run that failed', async () => {
    const { of, start } = recorder();
    const broken = { ...small, run: () => Promise.reject(new RangeError('width must be 3, got 4')) };
    const code = await runExperiment(broken, ['--quiet'], {
      startLogger: start,
      runsFolder: join(temporaryFolder(), 'runs'),
      env: {},
      streams: silent,
    });
    expect(code).toBe(1);
    expect(of('end')).toEqual([['FAILED']]);
  });
  test('gets no call when it is switched off', async () => {
    const { calls, start } = recorder();
    await run(['--no-tracking'], { startLogger: start });
    expect(calls).toEqual([]);
  });
});

const silent = { stdout: { write: () => true }, stderr: { write: () => true } };

describe('a run', () => {
  test('ends with the table of metrics and the path of its summary', async () => {
    const { stdout, runs } = await run([]);
    expect(stdout).toContain('  metric    this run  zero\n  test/sum         6     0\n');
    expect(lastLine(stdout)).toBe(join(onlyRun(runs), 'summary.json'));
  });
  test('writes a report that says how to get it again', async () => {
    const { runs } = await run(['--configuration', 'full', '--set', 'note=c d', '--seed', '2']);
    const html = readFileSync(join(onlyRun(runs), 'report.html'), 'utf8');
    expect(/<code>.*\n.* (--configuration .*)<\/code>/.exec(html)?.[1]).toBe(
      '--configuration full --set seed=2 --set &#39;note=c d&#39;',
    );
    expect(html).toContain('<figcaption>Nothing.</figcaption>');
    expect(html).not.toContain('http');
  });
  test('keeps metrics with their NaN, and a log in JSON', async () => {
    const folder = onlyRun((await run([])).runs);
    expect(readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n')[0]).toBe(
      '{"step":1,"metrics":{"train/sum":1,"train/nan":{"$number":"NaN"}}}',
    );
    const log = readFileSync(join(folder, 'log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; message: string });
    expect(log.map(({ message }) => message)).toContain('environment');
    expect(new Set(log.map(({ level }) => level))).toEqual(new Set(['info']));
  });
  test('takes settings from the config of an earlier one', async () => {
    const first = await run(['--set', 'steps=4']);
    const second = await run(['--config', join(onlyRun(first.runs), 'config.json')]);
    expect(readSummary(lastLine(second.stdout)).metrics).toEqual({ 'test/sum': 10 });
  });
  test('gives two runs of the same second different folders', async () => {
    const runs = join(temporaryFolder(), 'runs');
    await Promise.all([run([], {}, runs), run([], {}, runs)]);
    expect(readdirSync(runs)).toHaveLength(2);
    for (const name of readdirSync(runs)) expect(name).toMatch(/^small-\d{8}-\d{6}-s0-[0-9a-z]{6}$/);
  });
  test('reads paths from where the user typed them, under Nx', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'mine.json'), '{"steps": 2}');
    const env = { NX_TASK_TARGET_PROJECT: 'app', NX_TASK_TARGET_TARGET: 'train', INIT_CWD: folder };
    const done = await run(['--config', 'mine.json', '--summary', 'out/s.json'], { env });
    expect(done.code).toBe(0);
    expect(readSummary(join(folder, 'out/s.json')).metrics).toEqual({ 'test/sum': 3 });
    const wrong = await run(['--set', 'x=1'], { env });
    expect(wrong.stderr).toContain('for help: npx nx run app:train -- --help');
  });
  test('refuses a result that is not numbers', async () => {
    const text = { ...small, run: async () => ({ metrics: { 'test/sum': '6' as never } }) };
    let stderr = '';
    const streams = { ...silent, stderr: { write: (line: string) => (stderr += line) } };
    const options = { streams, runsFolder: join(temporaryFolder(), 'runs'), env: {}, startLogger: recorder().start };
    expect(await runExperiment(text, [], options)).toBe(1);
    expect(stderr).toContain('error: TypeError: run: metrics[\'test/sum\'] must be a number, got "6"');
    const nothing = { ...small, run: async () => ({}) as never };
    expect(await runExperiment(nothing, [], options)).toBe(1);
    expect(stderr).toContain('run: must return metrics by name, got undefined');
  });
  test('refuses artifacts outside its folder, and names that are no file names', async () => {
    const messages: string[] = [];
    const nosy = {
      ...small,
      run: async (context: Parameters<typeof small.run>[0]) => {
        for (const call of [
          () => context.artifact('../x'),
          () => context.artifact('/etc/x'),
          () => context.savePlot('a/b', { svg: '', width: 1, height: 1 }),
          () => context.stage('a b', async () => ({ json: 1 })),
        ]) {
          try {
            await call();
          } catch (error) {
            messages.push((error as Error).message);
          }
        }
        return { metrics: {} };
      },
    };
    await runExperiment(nosy, ['--quiet'], {
      streams: silent,
      runsFolder: join(temporaryFolder(), 'runs'),
      env: {},
      startLogger: recorder().start,
    });
    expect(messages).toEqual([
      "artifact: name must be a path inside the run's folder, got '../x'",
      "artifact: name must be a path inside the run's folder, got '/etc/x'",
      "savePlot: name must be letters, digits, - or _, got 'a/b'",
      "stage: name must be letters, digits, - or _, and not 'main', got 'a b'",
    ]);
  });
});

describe('stages', () => {
  function twoModels() {
    const worked: string[] = [];
    const fault = { at: 'second/3' };
    const experiment = defineExperiment({
      name: 'stages',
      claim: '',
      config: {},
      run: async (context) => {
        const results = [];
        for (const model of ['first', 'second']) {
          const work = async (stage: Stage) => {
            const saved = stage.checkpoint.load<{ step: number }>();
            for (let step = saved?.json.step ?? 0; step < 4; step++) {
              worked.push(`${model}/${step}`);
              context.logMetrics({ [`${model}/loss`]: 4 - step }, step);
              if (fault.at === `${model}/${step}`) throw new Error('out of memory');
              await stage.safePoint(() => ({ json: { step: step + 1 } }));
            }
            context.writeArtifact(`${model}.txt`, model);
            return { json: { best: model.length }, arrays: { w: ndarray([1, 2], [2, 1]) } };
          };
          results.push(await context.stage(model, work));
          results.push(await context.stage(model, work));
        }
        const seen = context.history.map(({ step, metrics }) => `${Object.keys(metrics)[0]} ${step}`);
        return {
          metrics: {
            sum: results.reduce((sum, { json, arrays }) => sum + json.best + arrays.w!.data[1]!, 0),
            seen: seen.length,
            different: new Set(seen).size,
          },
        };
      },
    });
    return { experiment, worked, fault };
  }

  test('that are done are not done again in a resumed run, and lose nothing', async () => {
    const { experiment, worked, fault } = twoModels();
    const options = {
      streams: silent,
      runsFolder: join(temporaryFolder(), 'runs'),
      env: {},
      startLogger: recorder().start,
    };
    expect(await runExperiment(experiment, ['--checkpoint-seconds', '0'], options)).toBe(1);
    fault.at = 'never';
    worked.length = 0;
    expect(await runExperiment(experiment, ['--checkpoint-seconds', '0', '--resume'], options)).toBe(0);
    expect(worked).toEqual(['second/3']);
    const run = onlyRun(options.runsFolder);
    const { metrics, artifacts } = readSummary(join(run, 'summary.json'));
    expect(metrics).toEqual({ sum: 2 * (5 + 6 + 4), seen: 8, different: 8 });
    expect(artifacts).toEqual(['config.json', 'metrics.jsonl', 'first.txt', 'second.txt', 'report.html']);
    expect(readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n')).toHaveLength(8);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual([]);
  });
  test('cannot go on when the metrics that they count on were cut off', async () => {
    const { experiment } = twoModels();
    const options = {
      streams: silent,
      runsFolder: join(temporaryFolder(), 'runs'),
      env: {},
      startLogger: recorder().start,
    };
    await runExperiment(experiment, ['--checkpoint-seconds', '0'], options);
    const file = join(onlyRun(options.runsFolder), 'metrics.jsonl');
    truncateSync(file, 20);
    let stderr = '';
    const streams = { ...silent, stderr: { write: (line: string) => (stderr += line) } };
    expect(await runExperiment(experiment, ['--resume'], { ...options, streams })).toBe(1);
    expect(stderr).toMatch(
      /metrics\.jsonl: expected at least \d+ bytes, which a checkpoint counts on, found 21; the file was cut: start the run anew/,
    );
  });
  test('whose name is taken by the run itself are refused', async () => {
    let message = '';
    const main = defineExperiment({
      name: 'main-stage',
      claim: '',
      config: {},
      run: async (context) => {
        await context.stage('main', async () => ({ json: 1 })).catch((error: Error) => (message = error.message));
        return { metrics: {} };
      },
    });
    await runExperiment(main, ['--no-tracking'], {
      streams: silent,
      runsFolder: join(temporaryFolder(), 'runs'),
      env: {},
    });
    expect(message).toBe("stage: name must be letters, digits, - or _, and not 'main', got 'main'");
  });
});

describe('defineExperiment', () => {
  test('refuses a name that makes no folder, and a config that is no JSON', () => {
    expect(() => defineExperiment({ ...small, name: 'Small one' })).toThrow(
      "defineExperiment: name must be kebab-case, got 'Small one'",
    );
    const config = { model: { widths: [1, NaN] } };
    expect(() => defineExperiment({ name: 'a', claim: '', config, run: async () => ({ metrics: {} }) })).toThrow(
      "defineExperiment: config must be plain JSON, got something else at 'model.widths.1'",
    );
  });
});

describe("an experiment's types", () => {
  test('know its settings, widened, and refuse others', () => {
    const typed = defineExperiment({
      name: 'typed',
      claim: '',
      config: { width: 4, note: 'a', model: { kind: 'nfn' } },
      // @ts-expect-error: no such setting
      configurations: { quick: { model: { width: 9 }, width: 8 }, full: { widht: 3 } },
      run: async ({ config }) => {
        const { kind, ...settings }: { readonly kind: string } = config.model;
        const width: number = config.width;
        // @ts-expect-error: no such setting
        const missing: unknown = config.widht;
        return {
          metrics: {
            width,
            seed: config.seed,
            missing: Number(missing),
            kind: kind.length + Object.keys(settings).length,
          },
        };
      },
    });
    expect(typed.name).toBe('typed');
  });
});

describe('Stopwatch and formatSeconds', () => {
  test('count on where a run stopped', () => {
    const watch = new Stopwatch();
    watch.resumeFrom(100);
    watch.resumeFrom(40);
    expect(watch.seconds).toBeGreaterThanOrEqual(100);
    expect(watch.seconds).toBeLessThan(101);
  });
  test.each([
    [0.04, '0.0 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3599.7, '1 h 00 min'],
    [7640, '2 h 07 min'],
    [NaN, '—'],
  ])('shows %d as %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
});
