/** @file Times one benchmark in a process of its own: `measure.ts <file> <name>`, or `measure.ts peak`. */
import { pathToFileURL } from 'node:url';

import { compile, RandomStream, tf } from '@weightspace/compute';
import type { Benchmark, Prepared } from '@weightspace/compute';

/** What is printed as JSON; a PyTorch script prints the same. */
export interface Measured {
  /** Median, per unit. */
  readonly seconds: number;
  readonly flops?: number;
  readonly buildSeconds?: number;
  /** Peak of the process, in bytes. */
  readonly memory: number;
  readonly values: { readonly [name: string]: number };
}

const PEAK: Benchmark = {
  name: 'peak',
  calls: 15,
  prepare: async () => {
    const stream = RandomStream.fromSeed(0);
    const [a, b] = ['a', 'b'].map((name) => stream.split(name).normal([2048, 2048]));
    const product = compile((x: tf.Tensor2D, y: tf.Tensor2D) => tf.matMul(x, y), { recycle: true });
    return { call: async () => void (await product(a!, b!)) };
  },
};

const [path, name] = process.argv.slice(2);
console.log(JSON.stringify(await measure(path === 'peak' ? PEAK : await find(path!, name!))));

async function find(file: string, wanted: string): Promise<Benchmark> {
  const { benchmarks } = (await import(pathToFileURL(file).href)) as { benchmarks: readonly Benchmark[] };
  return benchmarks.find((benchmark) => benchmark.name === wanted)!;
}

/** The first call warms up and is not counted. */
async function measure({ prepare, calls, unit }: Benchmark): Promise<Measured> {
  const prepared: Prepared = await prepare();
  let values = (await prepared.call()) ?? {};
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const started = performance.now();
    values = (await prepared.call()) ?? {};
    times.push((performance.now() - started) / 1e3);
  }
  const count = unit?.count ?? 1;
  const { flops, buildSeconds } = prepared.facts?.() ?? {};
  await prepared.release?.();
  return {
    seconds: times.sort((a, b) => a - b)[times.length >> 1]! / count,
    ...(flops === undefined ? {} : { flops: flops / count }),
    ...(buildSeconds === undefined ? {} : { buildSeconds }),
    memory: process.resourceUsage().maxRSS * 1024,
    values,
  };
}
