/** Runs every TypeScript example of the READMEs as a script of its own; an example that ends with an error fails. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join('tools', 'workspace', '.examples');
const files = ['README.md', ...folders('libs'), ...folders('docs', false)].filter((file) => existsSync(file));
let [passed, failed] = [0, 0];
mkdirSync(folder, { recursive: true });
try {
  for (const file of files) for (const example of examplesOf(file)) run(file, example);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function folders(root, nested = true) {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((name) => (nested ? join(root, name, 'README.md') : join(root, name)))
    .filter((name) => name.endsWith('.md'));
}

function examplesOf(file) {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => ({
    code: match[1],
    line: text.slice(0, match.index).split('\n').length + 1,
  }));
}

function run(file, { code, line }) {
  const script = join(folder, `example-${passed + failed}.ts`);
  writeFileSync(script, code);
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register', script],
    { encoding: 'utf8' },
  );
  if (status === 0) {
    passed++;
    process.stdout.write(`ok ${file}:${line}\n`);
  } else {
    failed++;
    process.stdout.write(`FAILED ${file}:${line}\n${stdout}${stderr}\n`);
  }
}
