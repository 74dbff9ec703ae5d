import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openZoo } from '@weightspace/zoo';
import { afterAll, describe, expect, test } from 'vitest';

const repository = join(import.meta.dirname, '..', '..', '..');
const root = mkdtempSync(join(tmpdir(), 'mnist-siren-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs the generator; `stopWhen` sees the names in its folder and says when to send the signal. */
function generate(
  folder: string,
  args: readonly string[],
  signal: NodeJS.Signals = 'SIGKILL',
  stopWhen?: (files: readonly string[]) => boolean,
): Promise<{ code: number | null; signal: string | null; text: string }> {
  const script = join(repository, 'data/mnist-siren/src/generate.ts');
  const child = spawn(
    process.execPath,
    ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register', script, '--folder', folder, ...args],
    { cwd: repository },
  );
  let text = '';
  child.stdout.on('data', (part) => (text += String(part)));
  child.stderr.on('data', (part) => (text += String(part)));
  let sent = false;
  const watch = setInterval(() => {
    if (!sent && stopWhen?.(filesOf(folder))) {
      sent = true;
      child.kill(signal);
    }
  }, 2);
  return new Promise((resolve) =>
    child.on('close', (code, by) => {
      clearInterval(watch);
      resolve({ code, signal: by, text });
    }),
  );
}
const filesOf = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};
const bytesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
const SMALL = ['--train', '300', '--test', '40', '--steps', '12', '--threads', '2'];

describe('data-mnist-siren:generate', () => {
  test('killed at several moments and resumed, it ends with the same bytes', async () => {
    const whole = join(root, 'whole');
    expect((await generate(whole, SMALL)).code).toBe(0);
    const moments: readonly ((files: readonly string[]) => boolean)[] = [
      (files) => files.includes('zoo.json'),
      (files) => files.some((name) => name.endsWith('.tmp') && name.startsWith('shard')),
      (files) => files.includes('shard-0000.h5') || files.includes('shard-0001.h5'),
    ];
    for (const [i, moment] of moments.entries()) {
      const folder = join(root, `killed-${i}`);
      const killed = await generate(folder, SMALL, 'SIGKILL', moment);
      const resumed = await generate(folder, [...SMALL, '--resume']);
      expect(resumed.code, `${killed.text}\n${resumed.text}`).toBe(0);
      expect(bytesOf(folder)).toEqual(bytesOf(whole));
    }
    const zoo = await openZoo(whole);
    expect([zoo.count, zoo.rowsOf('train').length, zoo.rowsOf('test').length]).toEqual([340, 300, 40]);
    zoo.close();
  });

  test('Ctrl-C finishes the shards under way, and --resume the rest', async () => {
    const folder = join(root, 'interrupted');
    const stopped = await generate(folder, SMALL, 'SIGINT', (files) => files.includes('zoo.json'));
    expect(stopped.code, stopped.text).toBe(130);
    expect(stopped.text).toContain('go on with --resume');
    expect((await generate(folder, [...SMALL, '--resume'])).code).toBe(0);
    expect(bytesOf(folder)).toEqual(bytesOf(join(root, 'whole')));
  });

  test('says what is wrong with a command', async () => {
    const wrong = await generate(join(root, 'wrong'), ['--recipe', 'dwt']);
    expect(wrong.code).toBe(2);
    expect(wrong.text).toContain('Allowed choices are dws, nfn');
    const tooMany = await generate(join(root, 'wrong'), ['--train', '70000']);
    expect(tooMany.code).toBe(2);
    expect(tooMany.text).toContain('asked for 70000 + 0');
    const none = await generate(join(root, 'wrong'), ['--train', '0', '--test', '0']);
    expect(none.code).toBe(2);
    expect(none.text).toContain('membersOf: a zoo needs digits, asked for 0 + 0 and 0');
  });
});
