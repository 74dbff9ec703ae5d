import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { initialize, mlp } from '@weightspace/architecture';
import { loadSafetensors, ndarray, RandomStream, sameBits } from '@weightspace/compute';
import { runCommand, runExperiment } from '@weightspace/experiment';
import { onlyRun, readJson, runHere, temporaryFolder } from '@weightspace/experiment/testing';
import type { Ended } from '@weightspace/experiment/testing';
import { createOptimizer, loadOptimizer, saveOptimizer, trainingOptimizer } from '@weightspace/learned-optimizer';
import {
  evaluation,
  exportCommand,
  heldOutTasks,
  learnedKinds,
  metaTraining,
  taskChoice,
  tasksOf,
  transfer,
  transferTasks,
  withFolders,
  writeRecord,
} from '@weightspace/learned-optimizers';
import type { EvaluationRecord } from '@weightspace/learned-optimizers';
import { fitFunctions } from '@weightspace/zoo';
import { afterAll, describe, expect, test } from 'vitest';

import { importAppScript, killMetaTrain } from './support.ts';

const { folder, remove } = temporaryFolder('learned-optimizers');
afterAll(remove);

type Settings = { readonly [name: string]: unknown };
const set = (settings: Settings): string[] =>
  Object.entries(settings).flatMap(([name, value]) => [
    '--set',
    `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  ]);
const argsOf = (name: string, settings: Settings, more: readonly string[] = []): string[] => [
  ...set(settings),
  ...['--threads', '1', '--runs-folder', join(folder, name), '--summary', join(folder, `${name}.json`)],
  ...['--no-tracking', ...more],
];
const run = (experiment: unknown, name: string, settings: Settings, more: readonly string[] = []): Promise<Ended> =>
  runHere((streams) => runExperiment(experiment as never, argsOf(name, settings, more), { streams, env: {} }));

interface Summary {
  readonly metrics: { readonly [name: string]: number };
  readonly baselines: { readonly [model: string]: { readonly [name: string]: number } };
  readonly artifacts: readonly string[];
}
const summaryOf = (name: string) => readJson<Summary>(join(folder, `${name}.json`));

const images = { 'task.kind': 'image-mlp', 'task.set': 'mnist', 'task.side': 4, 'task.hidden': [6], 'task.batch': 8 };
const mini = {
  ...images,
  'truncation.tasks': 4,
  'truncation.length': 2,
  'truncation.least': 2,
  'truncation.greatest': 8,
  'outer.steps': 12,
  'outer.warmUp': 2,
  'optimizer.kind': 'adafac-mlp-lopt',
};
const often = ['--checkpoint-seconds', '0'];
const trained = () => onlyRun(join(folder, 'trained'));

describe('meta-train', () => {
  test('leaves an optimizer with its provenance, curves and a plot', async () => {
    const { code, stdout, stderr } = await run(metaTraining, 'trained', mini, often);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('adafac-mlp-lopt, 197 meta-parameters, pes, on mnist 4×4');
    const { metrics, artifacts } = summaryOf('trained');
    expect(metrics).toMatchObject({ 'inner-steps': 12 * 2 * 4 * 2, parameters: 197, 'meta/lost': 0 });
    expect(metrics['meta/loss']).toBeGreaterThan(0);
    for (const name of ['optimizer.json', 'optimizer.safetensors', 'meta-loss.csv', 'plots/meta-loss.png'])
      expect(artifacts).toContain(name);
    const { kind, provenance, meta } = loadOptimizer(trained());
    expect(kind).toBe('adafac-mlp-lopt');
    expect(provenance).toMatchObject({ seed: 0, innerSteps: 192, config: { outer: { steps: 12 } } });
    expect(provenance.command).toMatch(/^npx nx run learned-optimizers:meta-train -- .*--set 'task.hidden=\[6\]'/);
    expect(provenance.curve.map(([step]) => step)).toEqual([...Array(12).keys()].map((i) => i + 1));
    expect(Object.values(meta).reduce((sum, { data }) => sum + data.length, 0)).toBe(197);
    const csv = readFileSync(join(trained(), 'meta-loss.csv'), 'utf8').trim().split('\n');
    expect(csv).toHaveLength(13);
    expect(csv[0]).toBe('step,loss,gradientNorm,deviation,diverged,lost,innerSteps');
  });
  test('killed and resumed, it ends with the same optimizer', async () => {
    const args = argsOf('killed', mini, often);
    const killed = await killMetaTrain(args, (printed) => printed.includes('meta-parameters, pes'));
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const { code, stderr } = await run(metaTraining, 'killed', mini, [...often, '--resume']);
    expect(code, stderr).toBe(0);
    const resumed = loadOptimizer(onlyRun(join(folder, 'killed')));
    expect(sameBits(resumed.meta, loadOptimizer(trained()).meta)).toBe(true);
    expect(summaryOf('killed').metrics).toEqual(summaryOf('trained').metrics);
  });
  test('goes on from a saved optimizer', async () => {
    const more = { ...mini, 'outer.steps': 1, 'outer.rate': 1e-9, 'outer.warmUp': 0, from: trained() };
    const { code, stderr } = await run(metaTraining, 'continued', more);
    expect(code, stderr).toBe(0);
    const [before, after] = [trained(), onlyRun(join(folder, 'continued'))].map((path) => loadOptimizer(path).meta);
    for (const [name, { data }] of Object.entries(before!))
      data.forEach((x, i) => expect(after![name]!.data[i]).toBeCloseTo(x, 6));
  });
  test('begins as `metaTrain` draws it, so that the commands of shipped optimizers make them again', async () => {
    const still = { ...mini, 'outer.steps': 1, 'outer.rate': 1e-9, 'outer.warmUp': 0 };
    const { code, stderr } = await run(metaTraining, 'begun', still);
    expect(code, stderr).toBe(0);
    const stream = RandomStream.fromSeed(0).split('meta-train').split('meta');
    const drawn = createOptimizer('adafac-mlp-lopt', mlp({ sizes: [16, 6, 10] })).initialize(stream);
    const { meta } = loadOptimizer(onlyRun(join(folder, 'begun')));
    for (const [name, { data }] of Object.entries(drawn))
      data.forEach((x, i) => expect(meta[name]!.data[i], name).toBeCloseTo(x, 6));
  });
  test('begins a hybrid with a trained MLP, and its own layer as it is drawn', async () => {
    const path = join(folder, 'mlp');
    const network = mlp({ sizes: [16, 6, 10] });
    const { settings, initialize: draw } = createOptimizer('mlp-lopt', network, { width: 4 });
    const provenance = { command: 'none', seed: 0, commit: null, tasks: [], curve: [] };
    saveOptimizer(path, { kind: 'mlp-lopt', settings, meta: draw(RandomStream.fromSeed(9)), provenance });
    const still = { 'outer.steps': 1, 'outer.rate': 1e-9, 'outer.warmUp': 0 };
    const hybrid = { ...mini, ...still, 'optimizer.kind': 'mlp-unf-lopt', 'optimizer.width': 4, from: path };
    const { code, stderr } = await run(metaTraining, 'hybrid', hybrid);
    expect(code, stderr).toBe(0);
    const [before, after] = [path, onlyRun(join(folder, 'hybrid'))].map((file) => loadOptimizer(file).meta);
    for (const [name, { data }] of Object.entries(before!))
      data.forEach((x, i) => expect(after![name]!.data[i], name).toBeCloseTo(x, 6));
    expect(Object.keys(after!).length).toBeGreaterThan(Object.keys(before!).length);
  });
  test('has a configuration for each learned kind', () => {
    const kinds = learnedKinds();
    expect(kinds).toEqual(expect.arrayContaining(['mlp-lopt', 'adafac-mlp-lopt']));
    expect(kinds).not.toContain('adam');
    expect(Object.keys(metaTraining.configurations!)).toEqual(['quick', ...kinds]);
    const project = readJson<{ targets: { 'meta-train': { configurations: object } } }>(
      join(import.meta.dirname, '..', 'project.json'),
    );
    expect(Object.keys(project.targets['meta-train'].configurations)).toEqual(['quick', ...kinds]);
  });
  test.each([
    [{ tasksPerStep: 2 }, 2, 'tasksPerStep: must be at most tasks, 1, got 2'],
    [{ 'optimizer.kind': 'velo' }, 2, 'optimizer.kind'],
    [{ 'optimizer.kind': 'adam' }, 1, 'meta-parameters'],
    [{ from: 'nowhere' }, 1, 'nowhere.json: expected a trained optimizer'],
    [{ 'task.set': 'letters' }, 1, 'set:'],
  ] as const)('refuses %j with exit code %i', async (settings, exitCode, text) => {
    const { code, stderr } = await run(metaTraining, 'refused', { ...mini, ...settings });
    expect(stderr).toContain(text);
    expect(code).toBe(exitCode);
  });
});

const short = { steps: 6, every: 3, runs: 2, batches: 1, 'baseline.runs': 2, 'baseline.longer': 2 };

describe('evaluate', () => {
  test('has curves, intervals, speed-up and stability beside the tuned baseline', async () => {
    const settings = { ...images, ...short, optimizers: [trained(), join(trained(), 'optimizer.json')] };
    const { code, stdout, stderr } = await run(evaluation, 'evaluated', settings);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /\| optimizer +\| +training loss \| +less baseline \| +test loss \| +test accuracy \| speed-up/,
    );
    const { metrics, baselines, artifacts } = summaryOf('evaluated');
    expect(metrics['train/loss-low']).toBeLessThan(metrics['train/loss']!);
    expect(metrics).toMatchObject({ diverged: expect.any(Number) as number });
    expect(metrics['update-seconds']).toBeGreaterThan(0);
    const [adam, again] = Object.values(baselines);
    expect(Object.keys(baselines)[0]).toMatch(/^adam, rate /);
    expect(adam).toMatchObject({ 'train/loss-lead': 0 });
    expect(again!['train/loss']).toBe(metrics['train/loss']);
    expect(metrics['train/loss-lead']).toBeCloseTo(metrics['train/loss']! - adam!['train/loss']!, 5);
    for (const name of ['loss-over-steps', 'loss-over-time', 'test-loss-over-steps', 'test-accuracy-over-steps'])
      expect(artifacts).toContain(`plots/${name}.png`);
    const own = onlyRun(join(folder, 'evaluated'));
    const curves = readFileSync(join(own, 'curves.csv'), 'utf8').trim().split('\n');
    expect(curves).toHaveLength(1 + 3 * 3 + 5);
    const [header, ...rows] = readFileSync(join(own, 'evaluation.csv'), 'utf8').trim().split('\n');
    expect(rows).toHaveLength(3);
    expect(header).toMatch(/^task,optimizer,/);
    // The two are the same.
    expect(stdout).toMatch(/network by network .*\n.*\n\| adafac-mlp-lopt \(.*\) less .*\| +0.000 ± 0.000 \| +0.000/);
    expect(header).toContain('test/accuracy,test/accuracy_low,test/accuracy_high');
  });
  test('says what several tasks of a family say together', async () => {
    const settings = { ...short, optimizers: [trained()], tasks: 2, 'task.kind': 'quadratic' };
    const { code, stdout, stderr } = await run(evaluation, 'several', settings);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/\| all tasks +\| +less baseline \| better on \| worse on \| speed-up/);
    const own = onlyRun(join(folder, 'several'));
    const [header, ...rows] = readFileSync(join(own, 'evaluation.csv'), 'utf8').trim().split('\n');
    const at = header!.split(',').indexOf('lead');
    const leads = rows.filter((row) => row.includes('adafac-mlp-lopt')).map((row) => Number(row.split(',').at(at)));
    const { metrics, artifacts } = summaryOf('several');
    expect(metrics).toMatchObject({ tasks: 2, diverged: expect.any(Number) as number });
    expect(leads).toHaveLength(2);
    expect(metrics['train/loss-lead']).toBeCloseTo((leads[0]! + leads[1]!) / 2, 6);
    for (const name of ['task1-curves.csv', 'task2-curves.csv', 'plots/task2-loss-over-steps.png'])
      expect(artifacts).toContain(name);
    const refused = await run(evaluation, 'refused-record', { ...settings, record: true });
    expect(refused.stderr).toContain("record: an optimizer's file has the curves of one task, got tasks=2");
    expect(refused.code).toBe(2);
  });
  test('draws other tasks than a meta-training with the same seed', async () => {
    const [choice, stream] = [taskChoice('mlp-family'), RandomStream.fromSeed(0)];
    const [met] = tasksOf(choice, 1, stream);
    const [own] = heldOutTasks(choice, 1, stream);
    expect(own!.name).not.toBe(met!.name);
    const tiny = { steps: 1, every: 1, runs: 2, batches: 1, 'baseline.runs': 1, 'baseline.longer': 1 };
    const settings = { ...tiny, optimizers: [trained()], 'task.kind': 'mlp-family' };
    const { code, stdout, stderr } = await run(evaluation, 'held-out', settings);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(` on ${own!.name}\n`);
  });
  test('records curves in the file of an optimizer, and finds them again', async () => {
    const path = join(folder, 'recorded.json');
    const { file, on, ...own } = loadOptimizer(trained());
    expect([file, on]).toBeDefined();
    saveOptimizer(path, own);
    const settings = { ...images, ...short, optimizers: [path] };
    const first = await run(evaluation, 'recording', { ...settings, record: true });
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).not.toContain('from record');
    expect(loadOptimizer(path).provenance).toMatchObject({
      ...own.provenance,
      evaluation: { settings: { steps: 6, every: 3, runs: 2, batches: 1, seed: 0 }, at: [0, 3, 6] },
    });
    await run(evaluation, 'found-again', settings);
    expect(summaryOf('found-again').metrics['difference-from-record']).toBeLessThan(1e-4);
    // A curve that isn't its own is seen, and one with other settings isn't compared.
    const saved = loadOptimizer(path);
    const record = saved.provenance['evaluation'] as never as EvaluationRecord;
    const raised = record.curves['train/loss']!.map((loss) => loss + 0.25);
    writeRecord(saved, { ...record, curves: { 'train/loss': raised } });
    const { stdout } = await run(evaluation, 'differs', settings);
    expect(stdout).toMatch(/from record \|[^]* 0\.\d+ \|\n/);
    expect(summaryOf('differs').metrics['difference-from-record']).toBeCloseTo(0.25, 3);
    await run(evaluation, 'other-settings', { ...settings, runs: 3 });
    expect(summaryOf('other-settings').metrics).not.toHaveProperty('difference-from-record');
  });
  test('names what is wrong with an optimizer', async () => {
    const path = join(folder, 'foreign');
    const { settings, meta, provenance } = loadOptimizer(trained());
    saveOptimizer(path, { kind: 'mlp-lopt', settings: { width: 4 }, meta, provenance });
    const wrong = await run(evaluation, 'wrong', { ...images, ...short, optimizers: [path] });
    expect(wrong.stderr).toMatch(/foreign.json: expected meta-parameter '.*' of mlp-lopt on relu mlp 16-6-10 to be \[/);
    expect(wrong.code).toBe(1);
    writeFileSync(`${path}.json`, JSON.stringify({ settings }));
    const damaged = await run(evaluation, 'damaged', { ...images, ...short, optimizers: [path] });
    expect(damaged.stderr).toContain(
      'foreign.json: expected a trained optimizer (weightspace-optimizer/1), found no schema',
    );
  });
  test('takes folders as arguments', () => {
    expect(withFolders(['a', 'b', '--resume'])).toEqual(['--set', 'optimizers=["a","b"]', '--resume']);
    expect(withFolders(['--set', 'runs=3'])).toEqual(['--set', 'runs=3']);
    expect(withFolders(['a'])).toEqual(['--set', 'optimizers=["a"]']);
    const full = ['--configuration', 'full'];
    expect(withFolders([...full, 'a', '--resume'])).toEqual([...full, '--set', 'optimizers=["a"]', '--resume']);
    expect(withFolders([...full, '--resume'])).toEqual([...full, '--resume']);
    expect(withFolders(full)).toEqual(full);
  });
});

describe('the shipped optimizers', () => {
  const shipped = join(import.meta.dirname, '..', '..', '..', 'data', 'pretrained-optimizers');
  const kinds = ['mlp-lopt', 'adafac-mlp-lopt'];
  test('do what their files say, and better than Adam with its best rate', async () => {
    const optimizers = kinds.map((kind) => join(shipped, kind));
    const settings = { optimizers, 'baseline.longer': 1, 'baseline.runs': 1 };
    const { code, stdout, stderr } = await run(evaluation, 'shipped', settings, ['--configuration', 'pretrained']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('from record');
    const { metrics, baselines } = summaryOf('shipped');
    for (const own of [metrics, baselines['adafac-mlp-lopt']!]) {
      // Rounding grows in a thousand steps: on other machines single networks end elsewhere, and their mean a little.
      expect(own['difference-from-record']).toBeLessThan(0.02);
      expect(own['train/loss-lead']).toBeLessThan(0);
      expect(own['diverged']).toBe(0);
    }
  });
  test.each(kinds)('%s says where it comes from', (kind) => {
    const { provenance } = loadOptimizer(join(shipped, kind));
    expect(provenance.command).toContain(`learned-optimizers:meta-train -- --configuration ${kind}`);
    expect(provenance.commit).toMatch(/^[0-9a-f]{40}$/);
    expect(provenance.curve.at(-1)![1]).toBeLessThan(provenance.curve[0]![1]);
    expect(provenance['evaluation']).toMatchObject({ settings: { steps: 1000, runs: 10 } });
  });
});

describe('transfer', () => {
  test('has a row for each task and optimizer, and leaves out what does not fit', async () => {
    const path = join(folder, 'misfit');
    const { settings, meta, provenance } = loadOptimizer(trained());
    const { ...some } = meta;
    saveOptimizer(path, { kind: 'adafac-mlp-lopt', settings, meta: { ...some, more: ndarray([0], [1]) }, provenance });
    const more = { ...short, optimizers: [trained(), path], tasks: ['quadratic', 'mnist'], runs: 2, steps: 3 };
    const { code, stdout, stderr } = await run(transfer, 'transferred', more);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/\| quadratic \| adam, rate/);
    expect(stderr).toContain('left out: quadratic: adafac-mlp-lopt (misfit)');
    const { metrics, baselines } = summaryOf('transferred');
    expect(metrics).toMatchObject({ tasks: 2, 'left-out': 2 });
    expect(Object.keys(baselines)).toHaveLength(4);
    const rows = readFileSync(join(onlyRun(join(folder, 'transferred')), 'transfer.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(rows.map((row) => row.split(',')[0])).toEqual(['task', 'quadratic', 'quadratic', 'mnist', 'mnist']);
  });
  test('knows near tasks and every kind', async () => {
    expect(Object.keys(transferTasks)).toEqual(
      expect.arrayContaining(['as-trained', 'wider', 'deeper', '28x28', 'quadratic', 'image-cnn', 'inr-fitting']),
    );
    const { code, stderr } = await run(transfer, 'unknown', { tasks: ['wider', 'cifar'] });
    expect(stderr).toContain('tasks: must be different ones of as-trained, wider');
    expect(code).toBe(2);
  });
});

describe('export', () => {
  const call = (...args: string[]) => runHere((streams) => runCommand(exportCommand, args, streams));
  test('writes a model, its contract and the first state', async () => {
    const stem = join(folder, 'exported', 'update');
    const settings = '{"set":"mnist","side":4,"hidden":[5]}';
    const { code, stdout, stderr } = await call(trained(), '--settings', settings, '--out', `${stem}.onnx`);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/update.onnx: update of adafac-mlp-lopt for relu mlp 16-5-10, \d+ inputs/);
    const contract = readJson<{ inputs: { name: string; shape: number[] }[]; outputs: string[] }>(`${stem}.json`);
    const state = loadSafetensors(`${stem}.safetensors`);
    expect(contract.inputs).toContainEqual({ name: 'in.0.grads.layer1.weight', type: 'float32', shape: [5, 16] });
    for (const name of Object.keys(state)) expect(contract.outputs).toContain(`out.state.${name}`);
    expect(readFileSync(`${stem}.onnx`).length).toBeGreaterThan(1000);
  });
  test('says what is wrong', async () => {
    const { code, stderr } = await call(trained(), '--settings', '{');
    expect(stderr).toContain('--settings: must be JSON, got {');
    expect(code).toBe(2);
  });
});

test('a trained optimizer fits networks to functions in libs/zoo', async () => {
  const architecture = mlp({ sizes: [1, 6, 1], activation: 'tanh' });
  const stream = RandomStream.fromSeed(2);
  const optimizer = trainingOptimizer(loadOptimizer(trained()), architecture, { stacked: true });
  const points = ndarray([-1, -0.5, 0, 0.5, 1], [5, 1]);
  const targets = ndarray([1, 0.25, 0, 0.25, 1], [1, 5, 1]);
  const start = initialize(architecture, stream, { count: 1 });
  const fit = (steps: number) =>
    fitFunctions(architecture, points, targets, start, { steps, rate: () => 1, optimizer, threads: 1 });
  const [before, after] = [await fit(0), await fit(5)];
  expect(after.loss.data[0]).not.toBe(before.loss.data[0]);
  expect(after.loss.data[0]).toBeLessThan(10);
});

test.each([
  ['meta-train', 'learned-optimizers: '],
  ['evaluate', 'learned-optimizers-evaluation: '],
  ['transfer', 'learned-optimizers-transfer: '],
  ['export', 'Usage: learned-optimizers:export [options] [optimizer]'],
])('the script %s is the command', async (name, start) => {
  const { code, stdout, stderr } = await importAppScript(`${name}.ts`, ['--help']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.startsWith(start), stdout).toBe(true);
  expect(existsSync(join(folder, 'trained'))).toBe(true);
});
