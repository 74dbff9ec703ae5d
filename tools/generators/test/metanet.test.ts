import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type { Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { afterAll, expect, test } from 'vitest';

import metanetGenerator from '../metanet/generator.mjs';

const root = join(import.meta.dirname, '../../..');
const registrations = 'libs/metanet/src/metanets.ts';
const inLib = (name: string) =>
  [`libs/metanet/src/families/${name}/${name}.ts`, `libs/metanet/test/members/${name}.test.ts`] as const;

/** A workspace with the lib's registrations and one family. */
function workspace(): Tree {
  const tree = createTreeWithEmptyWorkspace();
  // Its own choice; this workspace has prettier.
  tree.delete('.oxfmtrc.json');
  tree.write('.prettierrc', readFileSync(join(root, '.prettierrc.json'), 'utf8'));
  tree.write(registrations, readFileSync(join(root, registrations), 'utf8'));
  const flat = 'libs/metanet/src/families/baselines/flat-mlp.ts';
  tree.write(flat, readFileSync(join(root, flat), 'utf8'));
  return tree;
}

test('makes a file, its tests and a line of registration', async () => {
  const tree = workspace();
  const before = tree.read(registrations, 'utf8')!;
  await metanetGenerator(tree, { name: 'my-metanet' });
  const [source, member] = inLib('my-metanet').map((file) => tree.read(file, 'utf8')!);
  expect(source).toContain('export const myMetanetKind: MetanetKind<MyMetanetSettings> = {');
  expect(source).toContain("  kind: 'my-metanet',");
  expect(member).toContain("describeMember('my-metanet', { settings, wide });");
  expect(`${source}${member}`).not.toMatch(/<%|__name__/);
  const added = tree
    .read(registrations, 'utf8')!
    .split('\n')
    .filter((line) => !before.includes(line));
  expect(added).toEqual([
    "import { myMetanetKind } from './families/my-metanet/my-metanet.ts';",
    'registerMetanet(myMetanetKind);',
  ]);
  expect(
    tree
      .listChanges()
      .map(({ path }) => path)
      .filter((path) => path.endsWith('.template')),
  ).toEqual([]);
});

test.each(['MyNet', 'my_net', 'my net', '-net', 'net-', '3-net', '../net', ''])(
  "refuses '%s' as a name",
  async (name) => {
    const tree = workspace();
    const before = tree.listChanges().length;
    await expect(metanetGenerator(tree, { name })).rejects.toThrow(
      `metanet: name must be in kebab-case, as my-metanet, got '${name}'`,
    );
    expect(tree.listChanges()).toHaveLength(before);
  },
);

test('refuses the name of a kind, of a family, and its own a second time', async () => {
  const tree = workspace();
  await expect(metanetGenerator(tree, { name: 'flat-mlp' })).rejects.toThrow(
    "metanet: name must be new, got 'flat-mlp'; there are baselines, flat-mlp",
  );
  await expect(metanetGenerator(tree, { name: 'baselines' })).rejects.toThrow("got 'baselines'");
  await metanetGenerator(tree, { name: 'mine' });
  await expect(metanetGenerator(tree, { name: 'mine' })).rejects.toThrow(
    "got 'mine'; there are baselines, flat-mlp, mine",
  );
});

test('refuses a workspace without the lib', async () => {
  await expect(metanetGenerator(createTreeWithEmptyWorkspace(), { name: 'mine' })).rejects.toThrow(
    `metanet: there must be ${registrations} in the workspace`,
  );
});

const copies: string[] = [];
afterAll(() => copies.forEach((copy) => rmSync(copy, { recursive: true })));

/** The workspace with a copy of libs/metanet, to which its own name leads; everything else is linked. */
function copyOfWorkspace(): string {
  const copy = mkdtempSync(join(tmpdir(), 'weightspace-generators-'));
  copies.push(copy);
  for (const file of ['tsconfig.base.json', 'vitest.shared.mts', '.prettierrc.json', 'package.json'])
    cpSync(join(root, file), join(copy, file));
  const skipped = new Set(['dist', 'out-tsc', 'test-output', 'node_modules']);
  cpSync(join(root, 'libs/metanet'), join(copy, 'libs/metanet'), {
    recursive: true,
    filter: (source) => !skipped.has(source.slice(dirname(source).length + 1)),
  });
  const [modules, own] = [join(root, 'node_modules'), '@weightspace'];
  mkdirSync(join(copy, 'node_modules', own), { recursive: true });
  for (const name of readdirSync(modules)) {
    if (name !== own && name !== '.vite') symlinkSync(join(modules, name), join(copy, 'node_modules', name));
  }
  for (const name of readdirSync(join(modules, own))) {
    const target = name === 'metanet' ? join(copy, 'libs/metanet') : join(modules, own, name);
    symlinkSync(target, join(copy, 'node_modules', own, name));
  }
  return copy;
}

test('what it makes is formatted, of the right types, and passes its tests', { timeout: 600_000 }, async () => {
  const copy = copyOfWorkspace();
  const { FsTree, flushChanges } = await import('nx/src/generators/tree.js');
  const tree = new FsTree(copy, false);
  const name = 'a-metanet-with-a-very-long-name-that-no-line-has-room-for';
  await metanetGenerator(tree, { name });
  flushChanges(copy, tree.listChanges());
  const run = (command: string, args: readonly string[], cwd = copy) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'node_modules', command), ...args], {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(status, `${stdout}${stderr}`).toBe(0);
  };
  run('prettier/bin/prettier.cjs', ['--check', ...inLib(name), registrations]);
  const config = {
    extends: './tsconfig.base.json',
    compilerOptions: {
      composite: false,
      noEmit: true,
      emitDeclarationOnly: false,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
    },
    files: [...inLib(name), registrations],
  };
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify(config));
  run('typescript/bin/tsc', ['-p', 'tsconfig.json']);
  run('vitest/vitest.mjs', ['run', `test/members/${name}.test.ts`], join(copy, 'libs/metanet'));
});
