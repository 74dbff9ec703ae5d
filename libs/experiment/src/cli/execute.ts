/** @file Runs an experiment in its folder, from the first log entry to the summary. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { deviceSettings, setDevice } from '@weightspace/compute';

import { environment } from '../environment/environment.ts';
import { EXIT, InterruptedError, OutputError } from '../errors.ts';
import type { Experiment, RunResult } from '../experiment.ts';
import { flattenPaths } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { renderReport } from '../report/render-report.ts';
import { writeAtomically, writeJson } from '../run/atomic-write.ts';
import { listenForInterrupt } from '../run/interrupt.ts';
import { MetricLog } from '../run/metric-log.ts';
import type { MetricRecord } from '../run/metric-log.ts';
import type { Output } from '../run/output.ts';
import { createContext, existingArtifacts } from '../run/run-context.ts';
import type { ContextParts } from '../run/stage.ts';
import { lockRun, saveState } from '../run/run-folder.ts';
import type { RunFolder } from '../run/run-folder.ts';
import { startNoLogger } from '../run/run-logger.ts';
import type { RunEnd, RunLogger, StartRunLogger } from '../run/run-logger.ts';
import { checkResult } from '../run/summary.ts';
import type { Summary } from '../run/summary.ts';
import { formatSeconds, Stopwatch } from '../stopwatch.ts';
import { metricsTable } from './metrics-table.ts';
import type { Options } from './options.ts';
import type { Plan } from './plan.ts';
import { defaultSettings, reproduceCommand } from './reproduce.ts';
import { showError, stackOf } from './show-error.ts';

export interface Execution {
  readonly experiment: Experiment;
  readonly plan: Plan;
  readonly options: Options;
  readonly output: Output;
  readonly command: string;
  /** With all arguments, to run it again. */
  readonly fullCommand: string;
  readonly commit: string | null;
  readonly startLogger: StartRunLogger;
  /** Where --summary wants a copy. */
  readonly summaryCopy: string | undefined;
}

/** @returns the exit code; whatever goes wrong has been shown, and the run's state says how it ended */
export async function execute(execution: Execution): Promise<number> {
  const { plan, output } = execution;
  const unlock = lockRun(plan.folder.path);
  output.logTo(plan.folder.path);
  const interrupt = listenForInterrupt((by) => {
    output.warn(`${by}: stopping after the current step with a checkpoint; once more to stop at once`);
  });
  const log = new MetricLog(join(plan.folder.path, 'metrics.jsonl'));
  try {
    return await runTracked(execution, interrupt.signal, log);
  } finally {
    output.clear();
    log.close();
    interrupt.release();
    unlock();
  }
}

async function runTracked(execution: Execution, signal: AbortSignal, log: MetricLog): Promise<number> {
  const { plan, output, options } = execution;
  let folder = saveState(plan.folder, { status: 'running' });
  setDevice({ device: options.device, ...(options.threads === undefined ? {} : { threads: options.threads }) });
  const logger = await openLogger(execution, folder);
  if (logger.id !== '') folder = saveState(folder, { trackingId: logger.id });
  const track = tracker(output);
  const parts = contextParts(execution, { signal, log, logger, track });
  announce(execution, parts);
  let status: RunEnd = 'FAILED';
  try {
    logStart(execution, parts);
    const result = await execution.experiment.run(createContext(parts));
    checkResult(result);
    const summary = finish(execution, parts, result);
    status = 'FINISHED';
    folder = saveState(folder, { status: 'finished' });
    log.finish(); // Not before: until here, a killed run is resumed by positions in the file.
    await endFinished(folder, logger, summary, output);
    conclude(execution, parts, summary);
    return EXIT.done;
  } catch (error) {
    return await endEarly(execution, folder, logger, status, error);
  }
}

/** Calls the logger; of its problems each is shown once, and the run goes on. */
function tracker(output: Output): ContextParts['track'] {
  const shown = new Set<string>();
  const report = (error: unknown) => {
    const { message } = error as Error;
    if (shown.has(message)) return;
    shown.add(message);
    output.warn(`tracking: ${message}`);
  };
  return (call) => {
    try {
      Promise.resolve(call()).catch(report);
    } catch (error) {
      report(error);
    }
  };
}

async function openLogger(
  {
    experiment,
    plan,
    options,
    startLogger,
    output,
  }: Pick<Execution, 'experiment' | 'plan' | 'options' | 'startLogger' | 'output'>,
  { state }: RunFolder,
): Promise<RunLogger> {
  const none = () =>
    startNoLogger({ experiment: experiment.name, runName: state.id, resume: undefined, config: plan.config });
  if (!options.tracking) return none();
  try {
    return await startLogger({
      experiment: experiment.name,
      runName: state.id,
      resume: state.trackingId,
      config: plan.config,
    });
  } catch (error) {
    output.warn(`tracking: ${(error as Error).message}; the run goes on without MLflow`);
    return none();
  }
}

function contextParts(
  { experiment, plan, options, output }: Execution,
  live: Pick<ContextParts, 'signal' | 'log' | 'logger' | 'track'>,
): ContextParts {
  const { device, threads } = deviceSettings();
  return {
    config: plan.config,
    seed: plan.config['seed'] as number,
    device,
    threads,
    folder: plan.folder.path,
    experiment: experiment.name,
    resumed: plan.resumed,
    environment: environment(),
    output,
    stopwatch: new Stopwatch(),
    checkpointSeconds: options.checkpointSeconds,
    artifacts: new Set(['config.json', 'metrics.jsonl']),
    figures: new Map(),
    ...live,
  };
}

function announce(
  { plan, output, options, commit }: Execution,
  { environment: machine, device, threads, logger }: ContextParts,
): void {
  const { state, path } = plan.folder;
  output.say(`${plan.resumed ? 'resuming' : 'run'} ${state.id}`);
  output.say(
    `  seed ${state.seed} · device ${device}, ${threads} threads · commit ${commit?.slice(0, 10) ?? 'none'}${commit?.endsWith('-dirty') === true ? ' with changes' : ''}`,
  );
  output.say(`  folder ${path}`);
  if (options.tracking) output.say(`  MLflow ${logger.location}`);
  output.log('info', 'environment', { ...machine });
  if (plan.resumed && state.commit !== commit) {
    output.warn(
      `the run was started at commit ${state.commit ?? 'none'}, and goes on at ${commit ?? 'none'}: numbers may differ`,
    );
  }
}

/** All that is known before the first step; again when a run is resumed, since it may have been killed before this. */
function logStart({ experiment, plan, commit: now, fullCommand }: Execution, parts: ContextParts): void {
  const { logger, track, environment: machine, device, threads } = parts;
  const { commit } = plan.folder.state; // That of the start: a resumed run says by which commit it went on.
  const params = Object.entries(flattenPaths(plan.config)).map(([key, value]) => [key, plain(value)]);
  track(() => logger.logParams(Object.fromEntries(params) as Record<string, string | number | boolean>));
  const versions = Object.entries(machine.versions).map(([name, version]) => [`version.${name}`, version]);
  const tags = {
    'mlflow.note.content': experiment.claim,
    'mlflow.source.name': fullCommand,
    'git.commit': commit ?? 'none',
    ...(commit === null ? {} : { 'mlflow.source.git.commit': commit.replace('-dirty', '') }),
    'git.dirty': String(commit?.endsWith('-dirty') ?? false),
    ...(now === commit ? {} : { 'git.commit.resumed': now ?? 'none' }),
    device,
    threads: String(threads),
    'environment.cpu': machine.cpu,
    'environment.cores': String(machine.cores),
    'environment.system': machine.system,
    'environment.node': machine.node,
    ...(Object.fromEntries(versions) as Record<string, string>),
  };
  track(() => logger.setTags(tags));
}

const plain = (value: unknown): string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : JSON.stringify(value);

/** Logs the result, and writes the summary: after this the run is done. */
function finish(execution: Execution, parts: ContextParts, result: RunResult): Summary {
  const { experiment, plan, commit } = execution;
  const { log, logger, track, folder, artifacts, stopwatch, device } = parts;
  const baselines = result.baselines ?? {};
  const last = lastStep(log.records, Object.keys(result.metrics)) ?? 0;
  track(() => logger.logMetrics(result.metrics, last));
  for (const [model, metrics] of Object.entries(baselines)) {
    const named = Object.entries(metrics).map(([name, value]) => [`baselines/${model}/${name}`, value]);
    track(() => logger.logMetrics(Object.fromEntries(named) as Record<string, number>, last));
  }
  artifacts.add('report.html');
  const summary: Summary = {
    experiment: experiment.name,
    config: plan.config as JsonObject,
    seed: parts.seed,
    metrics: result.metrics,
    baselines,
    seconds: Math.round(stopwatch.seconds * 1000) / 1000,
    device,
    commit,
    artifacts: existingArtifacts(folder, artifacts, ['report.html']),
  };
  writeReport(execution, parts, summary);
  writeJson(join(folder, 'summary.json'), summary, 'the summary');
  return summary;
}

/** The last step with one of these metrics, or else of any: what was logged of another model may have gone on for longer. */
function lastStep(records: readonly MetricRecord[], names: readonly string[]): number | undefined {
  const own = records.findLast(({ metrics }) => names.some((name) => Object.hasOwn(metrics, name)));
  return (own ?? records.at(-1))?.step;
}

function writeReport(
  { experiment, plan, command }: Execution,
  { folder, figures, environment: machine, log }: ContextParts,
  summary: Summary,
): void {
  const shown = [...figures].map(([name, caption]) => ({
    name,
    caption,
    svg: readFileSync(join(folder, 'plots', `${name}.svg`), 'utf8'),
  }));
  const html = renderReport({
    summary,
    claim: experiment.claim,
    id: plan.folder.state.id,
    startedAt: plan.folder.state.startedAt,
    steps: lastStep(log.records, Object.keys(summary.metrics)),
    defaults: defaultSettings(experiment),
    environment: machine,
    figures: shown,
    command: reproduceCommand(experiment, plan.config, summary.device, command),
  });
  writeAtomically(join(folder, 'report.html'), html, 'the report');
}

function conclude({ output, summaryCopy }: Execution, { folder }: ContextParts, summary: Summary): void {
  output.say(metricsTable(summary));
  output.say(`done in ${formatSeconds(summary.seconds)}; report: ${join(folder, 'report.html')}`);
  const file = join(folder, 'summary.json');
  if (summaryCopy !== undefined) copySummary(file, summaryCopy, summary);
  output.result(file);
}

/** @throws {OutputError} that says where the summary is all the same */
export function copySummary(file: string, copy: string, summary: unknown): void {
  try {
    writeJson(copy, summary, 'the copy of the summary');
  } catch (error) {
    if (error instanceof OutputError) error.message += `; the run itself is done, and its summary is ${file}`;
    throw error;
  }
}

/** Leaves the artifacts of a finished run with MLflow, and remembers when that is done. */
async function endFinished(
  folder: RunFolder,
  logger: RunLogger,
  { artifacts }: Pick<Summary, 'artifacts'>,
  output: Output,
): Promise<void> {
  const there = existingArtifacts(folder.path, [...artifacts, 'summary.json']);
  const whole = await endLogger(logger, 'FINISHED', output, there, folder.path);
  if (whole && logger.id !== '') saveState(folder, { tracked: true });
}

/** For a run that was killed after its end and before MLflow had all of it. */
export async function completeTracking(
  execution: Pick<Execution, 'experiment' | 'plan' | 'options' | 'startLogger' | 'output'>,
  summary: Summary,
): Promise<void> {
  const { plan, options, output } = execution;
  const { trackingId, tracked } = plan.folder.state;
  if (!options.tracking || trackingId === undefined || tracked === true) return;
  const logger = await openLogger(execution, plan.folder);
  if (logger.id !== '') await endFinished(plan.folder, logger, summary, output);
}

/** @returns whether nothing went wrong; each problem is shown once */
async function endLogger(
  logger: RunLogger,
  status: RunEnd,
  output: Output,
  artifacts: readonly string[],
  folder: string,
): Promise<boolean> {
  const problems = new Set<string>();
  const attempt = async (call: () => void | Promise<void>) => {
    try {
      await call();
    } catch (error) {
      const { message } = error as Error;
      if (!problems.has(message)) output.warn(`tracking: ${message}`);
      problems.add(message);
    }
  };
  for (const name of artifacts) {
    const at = name.lastIndexOf('/');
    await attempt(() => logger.logArtifact(join(folder, name), at < 0 ? undefined : name.slice(0, at)));
  }
  await attempt(() => logger.end(status));
  return problems.size === 0;
}

async function endEarly(
  execution: Execution,
  folder: RunFolder,
  logger: RunLogger,
  ended: RunEnd,
  error: unknown,
): Promise<number> {
  const { output, options, command } = execution;
  const { path } = folder;
  const interrupted = error instanceof InterruptedError;
  output.log('error', (error as Error).message ?? String(error), { stack: stackOf(error) });
  if (ended !== 'FINISHED') {
    try {
      saveState(folder, {
        status: interrupted ? 'interrupted' : 'failed',
        problem: String((error as Error).message ?? error),
      });
    } catch (cause) {
      output.warn((cause as Error).message);
    }
    await endLogger(logger, interrupted ? 'KILLED' : 'FAILED', output, [], path);
  }
  if (interrupted) {
    output.error(`interrupted by ${error.by}; go on with\n  ${command} --resume ${resumeName(execution, folder)}`);
    return EXIT.interrupted;
  }
  output.error(
    showError(error, { verbose: options.verbose, command, run: { path, id: resumeName(execution, folder) } }),
  );
  return (error as { exitCode?: number }).exitCode ?? EXIT.failed;
}

/** The id where the run is where it is looked for, otherwise its folder. */
const resumeName = ({ options }: Execution, { path, state }: RunFolder): string =>
  options.out === undefined && options.runsFolder === undefined ? state.id : path;
