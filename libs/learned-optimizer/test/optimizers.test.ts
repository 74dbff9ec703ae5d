import { cnn, initialize, mlp, rnn, transformer } from '@weightspace/architecture';
import { assertClose, compile, mapValues, ndarray, RandomStream, tf } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  checkOptimizer,
  createOptimizer,
  factoredAxes,
  optimizerKind,
  optimizerKinds,
  perNetwork,
  registerOptimizer,
} from '@weightspace/learned-optimizer';
import type { LearnedOptimizer, Settings } from '@weightspace/learned-optimizer';
import { describe, expect, test } from 'vitest';

import * as oracles from './oracles.ts';
import type { Oracle } from './oracles.ts';
import { structuredKinds } from './structured-kinds.ts';

const stream = RandomStream.fromSeed(3);
const net = mlp({ sizes: [5, 4, 3] });
const [N, STEPS] = [2, 4];

/** Meta-parameters moved from their start, so that none is 0. */
const moved = (optimizer: LearnedOptimizer, deviation = 0.05): NdArrays =>
  mapValues(optimizer.initialize(stream.split('meta')), (a, name) =>
    ndarray(
      stream
        .split('noise')
        .split(name)
        .normal(a.shape, 0, deviation)
        .data.map((v, i) => v + a.data[i]!),
      a.shape,
    ),
  );
const withM = (meta: NdArrays): NdArrays =>
  mapValues(meta, ({ data, shape }) => ndarray(Float32Array.from(data), [1, ...shape]));

const drawn = (i: number): NdArrays =>
  mapValues(initialize(net, stream, { count: N }), ({ shape }, name) =>
    stream.split('g').split(i).split(name).normal(shape, 0.1, 0.3),
  );

async function trajectory(optimizer: LearnedOptimizer, meta: NdArrays): Promise<NdArrays> {
  const first = compile((p: Tensors) => optimizer.start(p), { threads: 1 });
  const next = compile(
    (m: Tensors, s: Tensors, p: Tensors, g: Tensors, step: Tensor) => optimizer.update(m, s, p, g, { step }),
    { threads: 1 },
  );
  let params = initialize(net, stream.split('start'), { count: N });
  let state = (await first(params as never)) as unknown as NdArrays;
  for (let i = 0; i < STEPS; i++) {
    const step = ndarray(Array<number>(N).fill(i), [N]);
    const made = await next(withM(meta) as never, state as never, params as never, drawn(i) as never, step as never);
    ({ params, state } = made as unknown as { params: NdArrays; state: NdArrays });
  }
  return params;
}

/** The same, number by number. */
function looped(oracle: Oracle): NdArrays {
  const start = initialize(net, stream.split('start'), { count: N });
  const gradients = Array.from({ length: STEPS }, (_, i) => drawn(i));
  return mapValues(start, ({ shape, data }, name) => {
    const [rows, columns] = shape.length === 2 ? [1, shape[1]!] : [shape[1]!, shape[2]!];
    const size = rows * columns;
    const all = Array.from({ length: N }, (_, n) => {
      const part = (values: ArrayLike<number>) => Array.from(values).slice(n * size, (n + 1) * size);
      const p = { rows, columns, vector: shape.length === 2, values: part(data) };
      return oracle(
        p,
        gradients.map((g) => part(g[name]!.data)),
      );
    });
    return ndarray(all.flat(), shape);
  });
}

const settingsOf = (kind: string) => optimizerKind(kind).settings as { [name: string]: number };
const rules: { readonly [kind: string]: (h: { [name: string]: number }) => Oracle } = {
  sgd: oracles.sgd,
  momentum: oracles.momentum,
  adam: oracles.adam,
  'adam-w': oracles.adam,
  adafactor: oracles.adafactor,
};
const learned = { 'mlp-lopt': oracles.mlpLopt, 'adafac-mlp-lopt': oracles.adafacMlpLopt };

describe('optimizers', () => {
  test('are all tested here', () => {
    const known = Object.keys(rules).flatMap((kind) => [kind, `learnable-${kind}`]);
    expect(optimizerKinds().map(({ kind }) => kind)).toEqual([...known, ...Object.keys(learned), ...structuredKinds]);
  });

  test.each(Object.keys(rules))('%s gives what a slow loop gives', async (kind) => {
    const optimizer = createOptimizer(kind, net, { rate: 0.05 });
    expect(optimizer.metaParameterCount).toBe(0);
    const params = await trajectory(optimizer, {});
    const expected = looped(rules[kind]!({ ...settingsOf(kind), rate: 0.05 }));
    for (const name of Object.keys(params)) assertClose(params[name]!, expected[name]!, { rtol: 1e-4, atol: 1e-5 });
  });

  test.each(Object.keys(rules))('learnable-%s begins as the rule, and follows its meta-parameters', async (kind) => {
    const optimizer = createOptimizer(`learnable-${kind}`, net, { rate: 0.05 });
    expect(optimizer.metaParameterCount).toBe(Object.keys(settingsOf(kind)).length);
    const start = optimizer.initialize(stream);
    const values = (meta: NdArrays) =>
      Object.fromEntries(
        Object.entries(meta).map(([name, { data }]) =>
          name.startsWith('log ') ? [name.slice(4), Math.exp(data[0]!)] : [name.slice(6, -1), 1 - Math.exp(data[0]!)],
        ),
      );
    for (const meta of [start, moved(optimizer, 0.3)]) {
      const params = await trajectory(optimizer, meta);
      const expected = looped(rules[kind]!(values(meta)));
      for (const name of Object.keys(params)) assertClose(params[name]!, expected[name]!, { rtol: 1e-4, atol: 1e-5 });
    }
  });

  test.each(Object.entries(learned))('%s gives what a slow loop gives', async (kind, oracle) => {
    const optimizer = createOptimizer(kind, net);
    const meta = mapValues(moved(optimizer), (a, name) =>
      // Larger outputs than at the start, so that a step can be told from rounding.
      name.startsWith('layer3')
        ? ndarray(
            Float32Array.from(a.data, (v) => 100 * v),
            a.shape,
          )
        : a,
    );
    const params = await trajectory(optimizer, meta);
    const expected = looped(oracle(meta));
    const start = initialize(net, stream.split('start'), { count: N });
    for (const name of Object.keys(params)) {
      const [a, b, from] = [params[name]!, expected[name]!, start[name]!];
      const change = (x: NdArray) =>
        ndarray(
          Float32Array.from(x.data, (v, i) => v - from.data[i]!),
          x.shape,
        );
      expect(Math.max(...change(b).data.map(Math.abs))).toBeGreaterThan(1e-3);
      assertClose(change(a), change(b), { rtol: 2e-3, atol: 2e-5 });
    }
  });

  test('the published ones have the published numbers of meta-parameters, whatever they train', () => {
    for (const architecture of [net, mlp({ sizes: [784, 128, 128, 10] })]) {
      expect(createOptimizer('mlp-lopt', architecture).metaParameterCount).toBe(1762);
      expect(createOptimizer('adafac-mlp-lopt', architecture).metaParameterCount).toBe(197);
    }
  });

  test.each([
    ['sgd', { rate: 0 }, 'sgd: rate must be a finite number above 0, got 0'],
    ['learnable-adam', { beta1: 1 }, 'learnable-adam: beta1 must be in [0, 1), got 1'],
    ['adam', { gamma: 1 }, "adam: has no setting 'gamma'; it has rate, beta1, beta2, epsilon"],
    ['mlp-lopt', { width: 0.5 }, 'mlp-lopt: width must be a whole number ≥ 1, got 0.5'],
    ['adafac-mlp-lopt', { hiddenLayers: 0 }, 'adafac-mlp-lopt: hiddenLayers must be a whole number ≥ 1, got 0'],
    ['velo', {}, 'optimizer: kind must be one of sgd, learnable-sgd, momentum'],
  ] as readonly (readonly [string, Settings, string])[])('%s with %j is refused', (kind, settings, message) => {
    expect(() => createOptimizer(kind, net, settings)).toThrow(message);
  });

  test('a name is taken once', () => {
    expect(() => registerOptimizer(optimizerKinds()[0]!)).toThrow("optimizer 'sgd' is registered already");
  });
});

const architectures = {
  mlp: mlp({ sizes: [5, 7, 6, 3] }),
  cnn: cnn({ input: { positions: [8, 8], size: 1 }, features: [4, 5], outputs: 3 }),
  rnn: rnn({ cell: 'gru', steps: 3, vocabulary: 5, embedding: 4, hidden: [6], outputs: 3 }),
  transformer: transformer({ tokens: 3, vocabulary: 5, width: 4, depth: 1, heads: 2, outputs: 3 }),
};

describe('checkOptimizer', () => {
  const cases = Object.entries(architectures).flatMap(([name, architecture]) =>
    optimizerKinds()
      .filter(({ kind }) => !structuredKinds.includes(kind))
      .filter(({ kind }) => name === 'mlp' || ['learnable-adafactor', 'mlp-lopt', 'adafac-mlp-lopt'].includes(kind))
      .map(({ kind }) => [kind, name, architecture] as const),
  );
  test.each(cases)('%s on %s is equivariant, and all else that an optimizer must be', async (kind, _, architecture) => {
    const { equivarianceError } = await checkOptimizer(createOptimizer(kind, architecture), architecture);
    expect(equivarianceError).toBeLessThan(1e-5);
  });

  const base = createOptimizer('learnable-momentum', net);
  /** Parameters that the update gives are changed. */
  const spoilt = (f: (p: Tensor, name: string, meta: Tensors) => Tensor): Partial<LearnedOptimizer> => ({
    update: (meta, state, params, grads, context) => {
      const next = base.update(meta, state, params, grads, context);
      return { ...next, params: mapValues(next.params, (p, name) => f(p, name, meta)) };
    },
  });
  const broken: readonly (readonly [string, Partial<LearnedOptimizer>, string])[] = [
    ['a wrong count', { metaParameterCount: 3 }, 'initialize must give 3 meta-parameters, got 2'],
    [
      'a lost shape',
      spoilt((p) => tf.expandDims(p, 0)),
      "update must keep params 'layer1.weight' as float32 [4, 4, 5], got float32 [1, 4, 4, 5]",
    ],
    [
      'a state that is dropped',
      { update: (...args) => ({ ...base.update(...args), state: {} }) },
      "update must keep state 'm.layer1.weight' as float32 [4, 4, 5], got nothing",
    ],
    ['NaN where all is 0', spoilt((p) => tf.div(tf.square(p), p)), 'must give finite numbers where all are 0, got NaN'],
    ['NaN', spoilt((p) => tf.log(tf.sub(p, 100))), 'update must give finite numbers, got NaN'],
    [
      'standing still',
      { update: (_, state, params) => ({ state, params }) },
      "must move every parameter, got none for 'layer1.weight'",
    ],
    ['company', spoilt((p) => tf.add(p, tf.mean(p, 0, true))), 'a network must not depend on the others'],
    [
      'copies that alternate',
      {
        update: (meta, ...rest) =>
          base.update(
            mapValues(meta, (x) => tf.reverse(x, 0)),
            ...rest,
          ),
      },
      'copy 0 of 2 must be used by networks 0 to 1',
    ],
    [
      'an order',
      spoilt((p) => (p.rank < 3 ? p : tf.mul(p, tf.reshape(tf.range(1, p.shape[1]! + 1), [1, p.shape[1]!, 1])))),
      "'layer1.weight'",
    ],
  ];
  test.each(broken)('fails for %s', async (_, change, message) => {
    await expect(checkOptimizer({ ...base, ...change }, net)).rejects.toThrow(message);
  });
});

describe('perNetwork', () => {
  test('repeats copies as blocks', async () => {
    const f = compile((x: Tensor) => perNetwork(x, 6), { threads: 1 });
    const y = (await f(ndarray([1, 2, 3, 4, 5, 6], [3, 2]) as never)) as unknown as NdArray;
    expect([...y.data]).toEqual([1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6]);
    expect(() => perNetwork(tf.zeros([4, 2]), 6)).toThrow(
      'perNetwork: meta-parameters must have shape [M, 2], got [4, 2]; M must divide N = 6',
    );
  });

  test('factoredAxes are the two largest, of equal ones the last as columns', () => {
    expect(factoredAxes([9, 4])).toBeUndefined();
    expect(factoredAxes([9, 4, 4])).toEqual({ row: 1, column: 2 });
    expect(factoredAxes([9, 16, 8, 3, 3])).toEqual({ row: 2, column: 1 });
  });
});
