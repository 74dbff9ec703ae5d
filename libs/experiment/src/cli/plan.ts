/** @file Which run a command is about: a new one, or one to go on with. */
import { basename, join, resolve } from 'node:path';

import { configDiff } from '../config/diff.ts';
import { UsageError } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import type { JsonObject } from '../json.ts';
import { sameJson } from '../json.ts';
import { createRunFolder, findRun, listRuns, readConfig } from '../run/run-folder.ts';
import type { RunFolder } from '../run/run-folder.ts';
import type { Options } from './options.ts';
import { settingsOf, storedSettings } from './settings.ts';

export interface Plan {
  readonly folder: RunFolder;
  readonly config: JsonObject;
  readonly resumed: boolean;
}

export interface PlanPlace {
  /** Where the runs are. */
  readonly runs: string;
  /** What the user's paths are relative to. */
  readonly cwd: string;
  readonly commit: string | null;
}

/** @throws {UsageError} when settings are wrong, or the run to go on with isn't there or has other ones */
export function planRun(experiment: Experiment, options: Options, place: PlanPlace, say: (text: string) => void): Plan {
  if (options.resume !== undefined && options.out !== undefined) {
    throw new UsageError(
      `--out ${options.out}: doesn't go with --resume, which goes on in the run's own folder; leave one out`,
    );
  }
  if (typeof options.resume === 'string') return planNamed(experiment, options, options.resume, place);
  const config = settingsOf(experiment, options, place.cwd);
  if (options.resume === true) {
    const folder = latestOf(experiment, config, place);
    if (folder !== undefined) return { folder, config, resumed: true };
    say('nothing to resume: there is no run of this experiment that was stopped; starting a new one');
  }
  const seed = config['seed'] as number;
  const out = options.out === undefined ? undefined : resolve(place.cwd, options.out);
  const folder = createRunFolder(place.runs, out, {
    experiment: experiment.name,
    config,
    seed,
    commit: place.commit,
  });
  return { folder, config, resumed: false };
}

/** Without settings of its own, the command takes the run's. */
function planNamed(experiment: Experiment, options: Options, name: string, place: PlanPlace): Plan {
  const folder = findRun(name, place.runs, experiment.name, place.cwd);
  const stored = readConfig(folder);
  const given = options.set.length > 0 || options.config !== undefined || options.seed !== undefined;
  const config = given
    ? settingsOf(experiment, options, place.cwd)
    : storedSettings(experiment, stored, join(folder.path, 'config.json'));
  refuseOtherSettings(folder, stored, config);
  return { folder, config, resumed: true };
}

/** The newest unfinished run with these settings, or else the newest finished one. */
function latestOf(experiment: Experiment, config: JsonObject, { runs }: PlanPlace): RunFolder | undefined {
  const all = listRuns(runs, experiment.name);
  const same = all.filter((run) => sameJson(readConfig(run), config));
  const found = same.find(({ state }) => state.status !== 'finished') ?? same[0];
  if (found !== undefined) return found;
  const other = all.find(({ state }) => state.status !== 'finished');
  if (other !== undefined) refuseOtherSettings(other, readConfig(other), config);
  return undefined;
}

function refuseOtherSettings({ path }: RunFolder, stored: JsonObject, config: JsonObject): void {
  const diff = configDiff(stored, config, ['in the run', 'in this command']);
  if (diff.length === 0) return;
  throw new UsageError(
    `--resume: run ${basename(path)} has other settings\n${diff.map((line) => `    ${line}`).join('\n')}\n` +
      `  go on with it as it was by --resume ${basename(path)} alone, or start a new run without --resume`,
  );
}
