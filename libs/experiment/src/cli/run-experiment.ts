/** @file An experiment from its command line. */
import { readFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';

import { configurationLayer } from '../config/layers.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { commitText, gitState } from '../environment/git.ts';
import { EXIT, exitCodeOf, UsageError } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import type { JsonObject } from '../json.ts';
import { checkWritable } from '../run/atomic-write.ts';
import { stopWithReader } from '../run/closed-pipe.ts';
import { Output } from '../run/output.ts';
import type { Streams } from '../run/output.ts';
import type { StartRunLogger } from '../run/run-logger.ts';
import { startTracking } from '../run/tracking.ts';
import type { Summary } from '../run/summary.ts';
import { completeTracking, copySummary, execute } from './execute.ts';
import type { Execution } from './execute.ts';
import { CommandLineStop, parseOptions } from './options.ts';
import type { Options } from './options.ts';
import { planRun } from './plan.ts';
import { quoted } from './reproduce.ts';
import { schemaOf } from './settings.ts';
import { showError } from './show-error.ts';

/** What a command runs in; tests and unusual callers give their own. */
export interface Surroundings {
  readonly streams?: Streams;
  /** Where the runs go, unless --runs-folder says otherwise; default `runs` in the current folder. */
  readonly runsFolder?: string;
  readonly startLogger?: StartRunLogger;
  readonly env?: { readonly [name: string]: string | undefined };
}

/**
 * Runs an experiment as its command line says. Nothing is thrown: what goes wrong is printed.
 *
 *     process.exitCode = await runExperiment(experiment, process.argv.slice(2));
 *
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted; 141 where nobody reads what is printed any more
 */
export async function runExperiment<C extends JsonObject>(
  experiment: Experiment<C>,
  argv: readonly string[],
  surroundings: Surroundings = {},
): Promise<number> {
  const anyExperiment = experiment as unknown as Experiment;
  const env = surroundings.env ?? process.env;
  const command = commandOf(env);
  const streams = surroundings.streams ?? process;
  stopWithReader(streams);
  let output = new Output(streams, false);
  let verbose = Boolean(env['WEIGHTSPACE_DEBUG']);
  try {
    checkConfigurations(anyExperiment);
    const options = parseOptions(anyExperiment, argv, command);
    verbose ||= options.verbose;
    output = new Output(streams, options.quiet);
    return await start(anyExperiment, { ...options, verbose }, output, { ...surroundings, env }, command, argv);
  } catch (error) {
    if (error instanceof CommandLineStop) {
      if (error.exitCode === EXIT.done) output.result(error.text);
      else output.error(`${error.text}\n  for help: ${command} --help`);
      return error.exitCode;
    }
    output.error(showError(error, { verbose, command }));
    return exitCodeOf(error);
  }
}

async function start(
  experiment: Experiment,
  options: Options,
  output: Output,
  surroundings: Surroundings & { readonly env: NonNullable<Surroundings['env']> },
  command: string,
  argv: readonly string[],
): Promise<number> {
  const cwd = userFolder(surroundings.env);
  const runs =
    options.runsFolder === undefined ? resolve(surroundings.runsFolder ?? 'runs') : resolve(cwd, options.runsFolder);
  const summaryCopy = options.summary === undefined ? undefined : resolve(cwd, options.summary);
  if (summaryCopy !== undefined) checkWritable(summaryCopy, '--summary');
  const commit = commitText(gitState());
  const plan = planRun(experiment, options, { runs, cwd, commit }, (text) => output.say(text));
  const startLogger = surroundings.startLogger ?? startTracking;
  if (plan.folder.state.status === 'finished') {
    return showFinished({ experiment, plan, options, output, startLogger, summaryCopy });
  }
  const fullCommand = [command, ...argv.map(quoted)].join(' ');
  return execute({ experiment, plan, options, output, command, fullCommand, commit, startLogger, summaryCopy });
}

/** A finished run that is resumed is done already; MLflow may lack its end. */
async function showFinished(
  execution: Pick<Execution, 'experiment' | 'plan' | 'options' | 'output' | 'startLogger' | 'summaryCopy'>,
): Promise<number> {
  const { plan, output, summaryCopy } = execution;
  const file = join(plan.folder.path, 'summary.json');
  output.say(`run ${basename(plan.folder.path)} is finished already`);
  let summary: Summary;
  try {
    summary = JSON.parse(readFileSync(file, 'utf8')) as Summary;
  } catch (cause) {
    throw new UsageError(
      `${file}: expected the summary of a finished run, found ${(cause as Error).message}; run it anew`,
      { cause },
    );
  }
  await completeTracking(execution, summary);
  if (summaryCopy !== undefined) copySummary(file, summaryCopy, summary);
  output.result(file);
  return EXIT.done;
}

/** A mistake in a configuration shows at every start, not only when that configuration is chosen. */
function checkConfigurations(experiment: Experiment): void {
  for (const [name, values] of Object.entries(experiment.configurations ?? {})) {
    resolveConfig(schemaOf(experiment), [configurationLayer(name, values as JsonObject)]);
  }
}

/** Nx starts targets in their project's folder; a user's paths are meant from where the command was typed. */
function userFolder(env: NonNullable<Surroundings['env']>): string {
  if (env['NX_TASK_TARGET_PROJECT'] === undefined) return process.cwd();
  return env['INIT_CWD'] ?? env['NX_WORKSPACE_ROOT'] ?? process.cwd();
}

/** How this experiment was called, so that help and remedies can be copied. */
function commandOf(env: NonNullable<Surroundings['env']>): string {
  const [project, target] = [env['NX_TASK_TARGET_PROJECT'], env['NX_TASK_TARGET_TARGET']];
  if (project !== undefined && target !== undefined) return `npx nx run ${project}:${target} --`;
  const script = process.argv[1];
  return script === undefined ? 'node' : `node ${relative(process.cwd(), script)}`;
}
