import { defineConfig } from 'vitest/config';

/** One vitest set-up for every project: libs are resolved from their TypeScript sources, also in worker threads. */
export const shared = (name: string, root: string) =>
  defineConfig({
    root,
    cacheDir: `${import.meta.dirname}/node_modules/.vite/${name}`,
    ssr: { resolve: { conditions: ['@weightspace/source', 'module', 'node', 'development|production'] } },
    test: {
      name,
      environment: 'node',
      include: ['test/**/*.test.ts'],
      pool: 'forks',
      maxWorkers: 1,
      // A stuck test shall end; a slow machine shall not fail one.
      testTimeout: 900_000,
      hookTimeout: 900_000,
      execArgv: ['--conditions=@weightspace/source'],
      passWithNoTests: false,
      reporters: ['default', ['json', { outputFile: 'test-output/vitest.json' }]],
    },
  });
