import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { metanetEntries } from '@weightspace/command-line';
import type { MetanetEntry } from '@weightspace/command-line';
import { metanetKinds } from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

const PROGRAM = join(import.meta.dirname, '..', 'bin', 'weightspace.mjs');
const run = (...args: string[]) => spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' });

describe('weightspace', () => {
  test('lists its commands, and ends with 2 on one that it lacks', () => {
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('metanets') as string });
    expect(run('metanet')).toMatchObject({ status: 2, stderr: expect.stringContaining('metanets') as string });
  });
  test('ends without a word when nobody reads what it prints', async () => {
    const child = spawn(process.execPath, [PROGRAM, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
  });
});

describe('weightspace metanets', () => {
  test('prints every registered kind as JSON', () => {
    const { status, stdout } = run('metanets', '--json');
    expect(status).toBe(0);
    const entries = JSON.parse(stdout) as MetanetEntry[];
    expect(entries.map(({ kind }) => kind)).toEqual(metanetKinds().map(({ kind }) => kind));
    expect(entries.every(({ inputs, source, symmetry }) => inputs.length > 0 && source !== '' && symmetry !== '')).toBe(
      true,
    );
  });

  test('prints counts close to the published ones, and says why they differ', () => {
    const counted = metanetEntries().filter(({ published }) => published !== undefined);
    expect(counted.length).toBeGreaterThan(0);
    for (const { published } of counted) {
      const { parameters, publishedParameters, departs } = published!;
      if (parameters !== publishedParameters) expect(departs).not.toBe('nothing');
      expect(parameters / publishedParameters).toBeGreaterThan(0.7);
      expect(parameters / publishedParameters).toBeLessThan(1.3);
    }
  });

  test('prints a block per kind for people', () => {
    const { stdout } = run('metanets');
    for (const { kind, family } of metanetKinds()) expect(stdout).toContain(`${kind} (${family})`);
  });
});
