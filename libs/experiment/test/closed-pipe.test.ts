import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { stopWithReader } from '@weightspace/experiment';
import { onlyRun, startScript } from '@weightspace/experiment/testing';
import { describe, expect, test } from 'vitest';

import { lastLine, readSummary, runCounter, startCounter, temporaryFolder } from './support.ts';

const GREET = resolve(import.meta.dirname, 'fixtures/greet.ts');

describe('a command whose reader has gone', () => {
  test.each([
    ['the help of an experiment', () => startCounter(['--help']), 'stdout'],
    ['a wrong command of an experiment', () => startCounter(['--helb']), 'stderr'],
    ['the help of a command', () => asCounter(startScript(GREET, ['--help'])), 'stdout'],
    ['what a command prints', () => asCounter(startScript(GREET, ['Ada'])), 'stdout'],
    ['what is wrong with a command', () => asCounter(startScript(GREET, ['Ada', '--tims'])), 'stderr'],
  ] as const)('ends with 141 and without a word (%s)', async (_, start, name) => {
    const { child, finished } = start();
    child[name]!.destroy();
    expect(await finished).toEqual({ code: 141, signal: null, stdout: '', stderr: '' });
  });

  test('and that has begun a run stops it with a checkpoint, from which it goes on to the same end', async () => {
    const runs = join(temporaryFolder(), 'runs');
    const settings = ['--set', 'steps=1500', '--set', 'milliseconds=5', '--checkpoint-seconds', '1000'];
    const { child, finished } = startCounter([...settings, '--runs-folder', runs, '--no-tracking']);
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { code, stderr } = await finished;
    expect(code).toBe(141);
    const run = onlyRun(runs);
    expect(stderr).toMatch(/^interrupted by a closed pipe; go on with\n .* --resume .*\n$/);
    expect(JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'))).toMatchObject({ status: 'interrupted' });
    const resumed = await runCounter('--resume', run, '--quiet');
    const wanted = await runCounter(...settings, '--runs-folder', join(temporaryFolder(), 'runs'), '--quiet');
    expect(readSummary(lastLine(resumed.stdout)).metrics).toEqual(readSummary(lastLine(wanted.stdout)).metrics);
  });
});

describe('stopWithReader', () => {
  test('listens once however often it is called, and not to streams that are not the process', () => {
    const counts = () => [process.stdout, process.stderr].map((stream) => stream.listenerCount('error'));
    const before = counts();
    stopWithReader({ stdout: process.stdout, stderr: process.stderr });
    expect(counts()).toEqual(before);
    stopWithReader();
    stopWithReader();
    expect(counts()).toEqual(before.map((count) => count + 1));
  });
  test('lets any other error of a stream pass', () => {
    stopWithReader();
    expect(() => process.stdout.emit('error', Object.assign(new Error('no space'), { code: 'ENOSPC' }))).toThrow(
      'no space',
    );
  });
});

const asCounter = ({ child, ended }: ReturnType<typeof startScript>) => ({ child, finished: ended });
