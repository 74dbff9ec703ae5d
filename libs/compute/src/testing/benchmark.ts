/** @file What a file `bench/*.bench.ts` exports as `benchmarks`; `nx run <project>:bench` runs them. */

/** One computation on fixed inputs, timed beside PyTorch's and beside the machine's matrix products. */
export interface Benchmark {
  readonly name: string;
  /** What the times are per: a call is `count` of them; a step when absent. */
  readonly unit?: { readonly name: string; readonly count: number };
  /** Timed calls per round; there are two rounds, with PyTorch's between them. */
  readonly calls: number;
  /** Makes the inputs, outside of what is timed. */
  readonly prepare: () => Promise<Prepared>;
  /** The same computation in PyTorch, in one or several set-ups. */
  readonly torch?: readonly TorchRun[];
}

export interface Prepared {
  /** @returns what else is worth seeing of the result, such as a quality; equal work must give equal quality */
  readonly call: () => Promise<{ readonly [name: string]: number } | void>;
  /** After the calls. Floating-point operations of a call, and seconds from the function to the first run, where known. */
  readonly facts?: () => { readonly flops?: number; readonly buildSeconds?: number };
  readonly release?: () => Promise<void>;
}

export interface TorchRun {
  readonly label: string;
  /** In tools/bench/pytorch; prints JSON with `seconds` per unit, `memory` in bytes, and the same other names as ours. */
  readonly script: string;
  readonly args: readonly string[];
}
