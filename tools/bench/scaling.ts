/**
 * @file How time and memory of metanets grow with the networks they read: `scaling.ts [--kinds gmn,unf] [--sizes 1000,10000]
 * [--out folder]` times forward and backward of one perceptron of each size, each in a process of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { initialize, mlp } from '@weightspace/architecture';
import { compile, RandomStream, tf, valueAndGrads } from '@weightspace/compute';
import type { NdArrays, Tensors } from '@weightspace/compute';
import { linePlot, plotToPng } from '@weightspace/experiment';
import { createMetanet, metanetKinds } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

/** Narrow, so that the features of a million edges fit into memory. */
const SETTINGS: { readonly [kind: string]: Settings } = {
  gmn: { width: 8, layers: 2, head: [16] },
  unf: { channels: [8, 8], frequencies: 4, sharedChannels: 16, head: [16] },
  'ng-gnn': { width: 8, layers: 2, head: [16] },
  'scale-gmn': { width: 8, layers: 2, head: [16] },
};
const CALLS = 3;

interface Point {
  readonly kind: string;
  readonly parameters: number;
  /** Of forward and backward; the median of the calls. */
  readonly seconds: number;
  /** Of all cores, the mean of the calls; says more where other work runs on the machine. */
  readonly cpuSeconds: number;
  /** The process's largest, in bytes. */
  readonly memory: number;
}

type Quantity = 'seconds' | 'cpuSeconds' | 'memory';

const TITLES: { readonly [of in Quantity]: string } = {
  seconds: 'Time of forward and backward',
  cpuSeconds: 'Processor time of forward and backward',
  memory: 'Peak memory of the process',
};

/** Two hidden layers of equal width, about so many parameters. */
function perceptron(parameters: number) {
  const width = Math.max(2, Math.round(-14 + Math.sqrt(196 + parameters)));
  return mlp({ sizes: [16, width, width, 10], activation: { kind: 'relu' } });
}

async function measure(kind: string, size: number): Promise<Point> {
  const architecture = perceptron(size);
  const known = metanetKinds().find((one) => one.kind === kind)!.settings;
  const own = Object.entries(SETTINGS[kind] ?? {}).filter(([name]) => name in known);
  const model = createMetanet(kind, architecture, 2, Object.fromEntries(own));
  const stream = RandomStream.fromSeed(1);
  const weights = initialize(architecture, stream.split('weights'), { count: 1 });
  const [params, fixed] = [model.initialize(stream.split('p')), model.measure(weights, stream.split('f'))];
  const step = compile((p: Tensors, f: Tensors, w: Tensors) => {
    const { value, grads } = valueAndGrads((q) => tf.sum(tf.square(model.apply(q, f, w))), p);
    return { value, ...grads };
  });
  const call = () => step(params as never, fixed as never, weights as never) as unknown as Promise<NdArrays>;
  await call();
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) {
    const start = performance.now();
    await call();
    times.push((performance.now() - start) / 1000);
  }
  const { user, system } = process.cpuUsage(before);
  return {
    kind,
    parameters: architecture.parameterCount,
    seconds: times.toSorted((a, b) => a - b)[Math.floor(CALLS / 2)]!,
    cpuSeconds: (user + system) / 1e6 / CALLS,
    memory: process.resourceUsage().maxRSS * 1024,
  };
}

/** Slope on logarithmic axes between the last two points: 1 is linear. */
function growth(points: readonly Point[], of: Quantity): number {
  const [before, last] = points.slice(-2);
  if (before === undefined || last === undefined) return NaN;
  return Math.log(last[of] / before[of]) / Math.log(last.parameters / before.parameters);
}

async function draw(points: readonly Point[], of: Quantity, out: string): Promise<void> {
  const kinds = [...new Set(points.map(({ kind }) => kind))];
  const scale = of === 'memory' ? 2 ** -30 : 1;
  const plot = await linePlot({
    title: TITLES[of],
    subtitle: 'one perceptron with two hidden layers, batch 1',
    x: { title: 'parameters of the input network', log: true },
    y: { title: of === 'memory' ? 'GiB' : 'seconds', log: true },
    series: kinds.map((kind) => {
      const own = points.filter((point) => point.kind === kind);
      return { name: kind, x: own.map((p) => p.parameters), y: own.map((p) => p[of] * scale), points: true };
    }),
  });
  writeFileSync(join(out, `scaling-${of}.png`), await plotToPng(plot));
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kinds: { type: 'string', default: 'gmn,unf,ng-gnn' },
    sizes: { type: 'string', default: '1000,10000,100000,1000000' },
    out: { type: 'string', default: '.' },
  },
});
if (positionals[0] === 'measure') {
  console.log(JSON.stringify(await measure(positionals[1]!, Number(positionals[2]))));
} else {
  const registered = metanetKinds().map(({ kind }) => kind);
  const kinds = flags.kinds.split(',').filter((kind) => registered.includes(kind));
  const node = ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register'];
  const points: Point[] = [];
  for (const kind of kinds) {
    for (const size of flags.sizes.split(',')) {
      const run = spawnSync(process.execPath, [...node, import.meta.filename, 'measure', kind, size], {
        encoding: 'utf8',
      });
      if (run.status !== 0) {
        console.log(`${kind}, ${size} parameters: failed\n${run.stderr.trim().split('\n').slice(-3).join('\n')}`);
        continue;
      }
      const point = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as Point;
      points.push(point);
      const memory = (point.memory / 2 ** 30).toFixed(2);
      console.log(
        `${kind}, ${point.parameters} parameters: ${point.seconds.toFixed(4)} s (${point.cpuSeconds.toFixed(4)} s of processors), ${memory} GiB`,
      );
    }
    const own = points.filter((point) => point.kind === kind);
    console.log(
      `${kind}: time grows with exponent ${growth(own, 'seconds').toFixed(2)}, processor time ${growth(own, 'cpuSeconds').toFixed(2)}, memory ${growth(own, 'memory').toFixed(2)}`,
    );
  }
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(join(flags.out, 'scaling.json'), `${JSON.stringify(points, null, 2)}\n`);
  if (points.length > 0)
    for (const of of ['seconds', 'cpuSeconds', 'memory'] as const) await draw(points, of, flags.out);
}
