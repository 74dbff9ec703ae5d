/** @file Who runs the chunks of a bulk job. */
import { availableParallelism } from 'node:os';

import { Piscina } from 'piscina';

/** A function of a module, as a worker finds it, and what it is called with. */
export interface Task {
  /** URL of the module. */
  readonly module: string;
  /** Name of the exported function. */
  readonly name: string;
  /** Its argument; structured-cloneable. */
  readonly input: unknown;
}

/** Runs tasks; nothing in a task may assume shared memory or a single host. */
export interface Executor {
  /** How many tasks it runs at once. */
  readonly width: number;
  readonly run: (task: Task, signal?: AbortSignal) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/** Worker threads of this process, one per core. */
export function workerExecutor(width = availableParallelism()): Executor {
  const pool = new Piscina({
    filename: new URL('./task-worker.mjs', import.meta.url).href,
    minThreads: width,
    maxThreads: width,
    idleTimeout: 60_000,
  });
  return {
    width,
    run: (task, signal) => pool.run(task, signal ? { signal } : {}),
    close: () => pool.destroy(),
  };
}

/** The calling thread; for tests and for jobs of one chunk. */
export const inlineExecutor = (): Executor => ({
  width: 1,
  run: async ({ module, name, input }) => {
    const loaded = (await import(module)) as { [name: string]: (input: unknown) => unknown };
    return loaded[name]!(input);
  },
  close: () => Promise.resolve(),
});
