import { ndarray, RandomStream } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';
import { coefficientsOf, optimizers, standardRun, trainNetworks } from '@weightspace/zoo';
import type { OptimizerName, TrainRun } from '@weightspace/zoo';
import { mlp } from '@weightspace/architecture';
import { describe, expect, test } from 'vitest';

interface Slow {
  p: number;
  m: number;
  v: number;
}
/** One number's update as each optimizer's source writes it. */
const formulas: { readonly [name in OptimizerName]: (s: Slow, g: number, rate: number, t: number) => void } = {
  sgd: (s, g, rate) => void (s.p -= rate * g),
  momentum: (s, g, rate) => {
    s.m = 0.9 * s.m + g;
    s.p -= rate * s.m;
  },
  adam: (s, g, rate, t) => {
    s.m = 0.9 * s.m + 0.1 * g;
    s.v = 0.999 * s.v + 0.001 * g * g;
    s.p -= (rate * (s.m / (1 - 0.9 ** t))) / (Math.sqrt(s.v / (1 - 0.999 ** t)) + 1e-7);
  },
  rmsprop: (s, g, rate) => {
    s.v = 0.9 * s.v + 0.1 * g * g;
    s.p -= (rate * g) / (Math.sqrt(s.v) + 1e-7);
  },
  adagrad: (s, g, rate) => {
    s.v += g * g;
    s.p -= (rate * g) / (Math.sqrt(s.v) + 1e-7);
  },
};

describe('coefficientsOf', () => {
  test.each(optimizers)('makes one update %s', (name) => {
    const draws = RandomStream.fromSeed(2);
    const [slow, fast]: [Slow, Slow] = [
      { p: 0.3, m: 0, v: 0 },
      { p: 0.3, m: 0, v: 0 },
    ];
    for (let t = 1; t <= 20; t++) {
      const g = draws.normalPair()[0];
      formulas[name](slow, g, 0.01, t);
      const c = coefficientsOf(name, t);
      fast.m = c.decayM * fast.m + c.addM * g;
      fast.v = c.decayV * fast.v + c.addV * g * g;
      fast.p -= (0.01 * c.factor * fast.m) / (c.root * Math.sqrt(fast.v) + c.floor);
      expect(fast.p).toBeCloseTo(slow.p, 12);
    }
  });
});

/** A linear network y = w x + b with one example in a batch, trained by loops in double precision. */
function slowLine(
  run: TrainRun,
  start: readonly number[],
  examples: readonly (readonly number[])[],
  steps: number,
): number[] {
  const states = start.map((p): Slow => ({ p, m: 0, v: 0 }));
  const order = RandomStream.fromSeed(run.seed).split('order').split(1).permutation(examples.length);
  for (let t = 1; t <= steps; t++) {
    const [x, y] = examples[order[t - 1]!]! as [number, number];
    const error = states[0]!.p * x + states[1]!.p - y;
    const rate = run.learningRate * (run.schedule === 'cosine' ? 0.5 * (1 + Math.cos((Math.PI * (t - 1)) / steps)) : 1);
    let gradient = [2 * error * x, 2 * error];
    const norm = Math.hypot(...gradient);
    if (run.clipNorm > 0 && norm > run.clipNorm) gradient = gradient.map((g) => (g * run.clipNorm) / norm);
    gradient[0]! += 2 * run.l2 * states[0]!.p;
    const old = states[0]!.p;
    states.forEach((s, i) => formulas[run.optimizer](s, gradient[i]!, rate, t));
    states[0]!.p -= rate * run.weightDecay * old;
  }
  return states.map(({ p }) => p);
}

test('a network follows the loops, by each optimizer, with decay, penalty, clipping and schedule', async () => {
  const line = mlp({ sizes: [1, 1] });
  const count = 30;
  const x = RandomStream.fromSeed(1).normal([count, 1]);
  const y = ndarray(
    x.data.map((v) => 2 * v - 1),
    [count, 1],
  );
  const data = { train: { inputs: x, targets: y }, test: { inputs: x, targets: y } };
  const runs: TrainRun[] = optimizers.flatMap((optimizer, i) => [
    { ...standardRun, seed: i, optimizer, learningRate: 0.02 },
    {
      ...standardRun,
      seed: i,
      optimizer,
      learningRate: 0.02,
      weightDecay: 0.5,
      l2: 0.1,
      clipNorm: 0.7,
      schedule: 'cosine',
    },
  ]);
  const [start, end] = await trainNetworks({
    architecture: line,
    runs,
    data,
    epochs: 1,
    batch: 1,
    checkpoints: [0, 1],
  });
  const examples = Array.from({ length: count }, (_, i) => [x.data[i]!, y.data[i]!]);
  const flat = (parameters: { readonly [name: string]: NdArray }, n: number) =>
    ['layer1.weight', 'layer1.bias'].map((name) => parameters[name]!.data[n]!);
  runs.forEach((run, n) => {
    const want = slowLine(run, flat(start!.parameters, n), examples, count);
    flat(end!.parameters, n).forEach((p, i) => expect(p, `${JSON.stringify(run)} ${i}`).toBeCloseTo(want[i]!, 4));
  });
});
