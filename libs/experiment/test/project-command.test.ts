import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { newestRun, runCommand, UsageError, wholeNumber } from '@weightspace/experiment';
import type { ProjectCommand } from '@weightspace/experiment';
import { importScript, onlyRun, runHere } from '@weightspace/experiment/testing';
import { describe, expect, test } from 'vitest';

import { temporaryFolder } from './support.ts';

const greet: ProjectCommand<{ readonly times: number }> = {
  name: 'app:greet',
  description: 'Greets.',
  options: (command) => command.argument('<names...>', 'whom').option('--times <n>', 'how often', wholeNumber(1), 1),
  examples: ['', '-- Ada --times 2'],
  run: (options, names, print) => {
    if (names.includes('nobody')) throw new UsageError('nobody: must be somebody');
    if (names.includes('all')) throw new Error('too many');
    for (const name of names) for (let i = 0; i < options.times; i++) print(`hello ${name}`);
    return Promise.resolve();
  },
};
const call = (...argv: string[]) => runHere((streams) => runCommand(greet, argv, streams));

describe('runCommand', () => {
  test('gives options and arguments to the command, and prints its lines', async () => {
    expect(await call('Ada', 'Alan', '--times', '2')).toEqual({
      code: 0,
      signal: null,
      stdout: 'hello Ada\nhello Ada\nhello Alan\nhello Alan\n',
      stderr: '',
    });
  });
  test('ends its help with calls to copy and exit codes', async () => {
    const { code, stdout } = await call('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: app:greet [options] <names...>\n\nGreets.\n');
    expect(stdout).toMatch(
      /\nExamples:\n {2}npx nx run app:greet\n {2}npx nx run app:greet -- Ada --times 2\n\nExit codes: 0 done, 1 failed, 2 wrong usage.\n$/,
    );
  });
  test.each([
    [[], 2, "error: missing required argument 'names'\n"],
    [['Ada', '--tims', '2'], 2, "error: unknown option '--tims'\n(Did you mean --times?)\n"],
    [
      ['Ada', '--times', '0'],
      2,
      "error: option '--times <n>' argument '0' is invalid. Must be a whole number of at least 1.\n",
    ],
    [['nobody'], 2, 'error: nobody: must be somebody\n'],
    [['all'], 1, 'error: too many\n'],
  ])('%j ends with exit code %i', async (argv, code, stderr) => {
    expect(await call(...argv)).toEqual({ code, signal: null, stdout: '', stderr });
  });
});

describe('newestRun', () => {
  const writeRun = (runs: string, id: string, experiment: string, startedAt: string, file?: string) => {
    mkdirSync(join(runs, id), { recursive: true });
    const state = { schema: 'weightspace-run/1', id, experiment, status: 'finished', startedAt, seed: 0, commit: null };
    writeFileSync(join(runs, id, 'run.json'), JSON.stringify(state));
    if (file !== undefined) writeFileSync(join(runs, id, file), '{}');
  };
  test('is the newest of the experiment that has left the file', () => {
    const runs = temporaryFolder();
    writeRun(runs, 'b', 'sort', '2026-01-01', 'model.json');
    writeRun(runs, 'a', 'sort', '2026-01-02', 'model.json');
    writeRun(runs, 'c', 'sort', '2026-01-03');
    writeRun(runs, 'd', 'sort-all', '2026-01-04', 'model.json');
    expect(newestRun('sort', 'model.json', runs)).toBe(join(runs, 'a'));
  });
  test.each(['', 'nowhere'])('says how to make one where there is none (%j)', (name) => {
    const runs = join(temporaryFolder(), name);
    expect(() => newestRun('sort', 'model.json', runs)).toThrow(
      new UsageError(`${runs}: expected a finished run of sort:train, found none; train first, or name one with --run`),
    );
  });
});

describe('onlyRun', () => {
  test('refuses several', () => {
    const runs = temporaryFolder();
    expect(() => onlyRun(runs)).toThrow(`${runs}: expected one run, found none`);
    for (const name of ['a', 'b']) mkdirSync(join(runs, name));
    expect(() => onlyRun(runs)).toThrow(`${runs}: expected one run, found a, b`);
  });
});

describe('importScript', () => {
  test('gives what a script prints and how it ends, and leaves the process as it was', async () => {
    const { argv, exitCode } = process;
    const writes = [process.stdout, process.stderr].map(({ write }) => write);
    const file = join(import.meta.dirname, 'fixtures', 'greet.ts');
    expect(await importScript(file, ['Ada', 'Alan'])).toEqual({
      code: 2,
      signal: null,
      stdout: '',
      stderr: 'error: too many arguments. Expected 1 argument but got 2.\n',
    });
    expect([process.argv, process.exitCode]).toEqual([argv, exitCode]);
    expect([process.stdout, process.stderr].map(({ write }) => write)).toEqual(writes);
  });
  test('leaves the process as it was when the script fails', async () => {
    const { argv } = process;
    const { write } = process.stdout;
    await expect(importScript(join(temporaryFolder(), 'nowhere.ts'), [])).rejects.toThrow('nowhere.ts');
    expect(process.argv).toBe(argv);
    expect(process.stdout.write).toBe(write);
  });
});
