import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openMixedZoo } from '@weightspace/zoo';
import { zooFormats } from '@weightspace/zoo-import';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'import-zoo-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fixtures = join(import.meta.dirname, '..', '..', '..', 'libs', 'zoo-import', 'test', 'fixtures');
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, '..', 'bin', 'weightspace.mjs'), 'import-zoo', ...args], {
    encoding: 'utf8',
  });

describe('weightspace import-zoo', () => {
  test('writes a zoo, says what is in it, and ends with its path', async () => {
    const to = join(folder, 'park');
    const { status, stdout } = run(
      'cnn-wild-park',
      join(fixtures, 'wild-park'),
      '--to',
      to,
      '--final',
      '--threads',
      '1',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /3 networks of 3 runs and 3 architectures; 1 train, 1 validation, 1 test \(published split by run\); test accuracy 0.320 to 0.510, median 0.420; took /,
    );
    expect(join(process.cwd(), stdout.trim().split('\n').at(-1)!)).toBe(to);
    const zoo = await openMixedZoo(to);
    expect(zoo.count).toBe(3);
    zoo.close();
    const again = run('cnn-wild-park', join(fixtures, 'wild-park'), '--to', to, '--final');
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('continue with --resume')]);
  });

  test('teaches what it needs', () => {
    const help = run('--help').stdout;
    for (const { name, holds } of zooFormats) {
      expect(help).toContain(name);
      for (const file of holds.match(/[\w.]+\.(npy|json|pt|csv|gz)/g)!) expect(help).toContain(file);
    }
    const unknown = run('zoo', folder, '--to', folder);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('Allowed choices are small-cnn-zoo, cnn-wild-park, model-zoo-dataset');
    expect(run('small-cnn-zoo', folder).stderr).toContain("required option '--to <folder>' not specified");
    expect(run('small-cnn-zoo', folder, '--to', folder, '--shares', '1,2').stderr).toContain('three numbers ≥ 0');
    const empty = run('small-cnn-zoo', folder, '--to', join(folder, 'none'));
    expect([empty.status, empty.stderr]).toEqual([
      1,
      expect.stringMatching(/metrics.csv.gz: expected a file that can be read/),
    ]);
  });
});
