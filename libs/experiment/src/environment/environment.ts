/** @file The machine and the versions that a run depends on. */
import { readFileSync } from 'node:fs';
import { cpus, hostname, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Environment {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly host: string;
  readonly node: string;
  /** Versions of the libraries that numbers depend on. */
  readonly versions: { readonly [name: string]: string };
}

const LIBRARIES = ['@weightspace/experiment', '@tensorflow/tfjs', 'onnxruntime-node', 'pure-rand'];

export function environment(): Environment {
  const processors = cpus();
  const versions = LIBRARIES.map((name) => [name, packageVersion(name)] as const);
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch} ${release()}`,
    host: hostname(),
    node: process.versions.node,
    versions: Object.fromEntries(versions.filter(([, version]) => version !== undefined)) as Record<string, string>,
  };
}

/** Version of an installed package, looked for as Node does; undefined when it isn't there. */
export function packageVersion(name: string): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const text = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
      return (JSON.parse(text) as { version?: string }).version;
    } catch {
      if (folder === dirname(folder)) return undefined;
    }
  }
}
