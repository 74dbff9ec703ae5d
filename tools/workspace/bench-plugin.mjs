/** Infers a `bench` target for every project that has `bench/*.bench.ts`. */
import { dirname } from 'node:path';

const bench = (root) => ({
  executor: 'nx:run-commands',
  cache: false,
  parallelism: false,
  options: {
    command: `node --conditions=@weightspace/source --import ts-blank-space/register tools/bench/run.ts ${root}`,
    cwd: '{workspaceRoot}',
  },
  metadata: { description: `Times the benchmarks in ${root}/bench; prints a table and writes ${root}/bench.json` },
});

export const createNodesV2 = [
  '{apps,libs,data}/*/bench/*.bench.ts',
  (files) => {
    const roots = new Set(files.map((file) => dirname(dirname(file))));
    return files
      .filter((file) => roots.delete(dirname(dirname(file))))
      .map((file) => {
        const root = dirname(dirname(file));
        return [file, { projects: { [root]: { targets: { bench: bench(root) } } } }];
      });
  },
];
