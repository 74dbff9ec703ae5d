#!/usr/bin/env node
/** Starts the command line from its TypeScript sources: a second process, since conditions are set when Node starts. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const register = pathToFileURL(createRequire(import.meta.url).resolve('ts-blank-space/register')).href;
const main = join(import.meta.dirname, '..', 'src', 'main.ts');
const { status, signal } = spawnSync(
  process.execPath,
  ['--conditions=@weightspace/source', '--import', register, main, ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
if (signal !== null) process.kill(process.pid, signal);
process.exitCode = status ?? 1;
