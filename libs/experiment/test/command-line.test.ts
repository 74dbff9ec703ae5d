import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runExperiment } from '@weightspace/experiment';

import { counter } from './fixtures/counter.ts';
import { temporaryFolder } from './support.ts';

/** The counter's command line within this process. */
async function command(...args: readonly string[]) {
  let [stdout, stderr] = ['', ''];
  const streams = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const code = await runExperiment(counter, [...args, '--no-tracking'], { streams, env: {} });
  return { code, stdout, stderr };
}

describe('a command that is wrong', () => {
  test.each([
    [['--set', 'stpes=3'], 'error: --set stpes=3: no setting "stpes", did you mean "steps"?; known: seed, steps'],
    [['--seed', '-1'], "error: option '--seed <n>' argument '-1' is invalid. Must be a whole number of at least 0."],
    [['--set', 'seed=-1'], '"seed" must be a whole number, at least 0'],
    [['--device', 'gpu'], 'Must be one of cpu, cuda, webgpu, tensorflow, eager.'],
    [['--configuration', 'fll'], '--configuration fll: must be one of quick, full; did you mean "full"?'],
    [['--quite'], "error: unknown option '--quite'\n(Did you mean --quiet?)"],
    [['--set', 'milliseconds=6000'], 'error: milliseconds must be at most 5000, got 6000'],
    [['--set', 'fail=usage'], 'error: counter: fail asks for a usage error'],
    [['--out', '.', '--resume'], "error: --out .: doesn't go with --resume"],
  ])('%j ends with code 2 and one block that helps', async (args, message) => {
    const done = await command(...args, '--runs-folder', join(temporaryFolder(), 'runs'), '--quiet');
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toContain(message);
    expect(done.stderr).toContain('for help: node ');
    expect(done.stderr).not.toMatch(/^ +at /m);
  });
  test('is refused before any work when an output cannot be written', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'full'));
    writeFileSync(join(folder, 'full', 'x'), '');
    for (const [args, message] of [
      [
        ['--summary', join(folder, 'file', 'out.json')],
        `error: cannot write --summary ${join(folder, 'file', 'out.json')}: a part of the path is a file`,
      ],
      [
        ['--summary', folder],
        `error: cannot write --summary ${folder}: there is a folder of that name (EISDIR); give the name of a file`,
      ],
      [
        ['--runs-folder', join(folder, 'file')],
        `error: cannot write the runs folder ${join(folder, 'file')}: a file of that name is in the way`,
      ],
      [
        ['--out', join(folder, 'full')],
        `error: --out ${join(folder, 'full')}: must be empty or not exist, got a folder with x`,
      ],
      [['--out', 'dist/run'], 'must lie outside of "dist", which other targets replace as a whole'],
    ] as const) {
      const done = await command('--runs-folder', join(folder, 'runs'), ...args);
      expect(done.code).toBe(2);
      expect(done.stderr).toContain(message);
    }
  });
  test('shows help that teaches', async () => {
    const { code, stdout } = await command('--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/steps +40 {2}\(quick: 30, full: 3000\) {2}≥ 1 {2}how many numbers are drawn/);
    expect(stdout).toContain('wide    width=32 rate=0.5 layers=[8,16]');
    expect(stdout).toContain('Examples:\n');
    expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted');
  });
});
