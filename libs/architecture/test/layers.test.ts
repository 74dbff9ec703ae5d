import {
  assertClose,
  compile,
  deadInputs,
  gradientError,
  mapValues,
  ndarray,
  tf,
  toTensor,
  valueAndGrads,
} from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { architectureSchema, defineArchitecture, forwardStacked, layerKinds } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

import { layerCases } from './layer-cases.data.ts';
import type { LayerCase } from './layer-cases.data.ts';
import { batchNorm, reader } from './layer-oracles.ts';
import type { Read } from './layer-oracles.ts';
import { stream } from './networks.ts';

const [N, P] = [3, 2];

/** A kind without parameters reads its first input through a norm, so that there are N networks. */
function networkOf({ name, inputs, layer }: LayerCase): Architecture {
  const define = (read: readonly string[], before: readonly object[]) =>
    defineArchitecture({
      schema: architectureSchema,
      name,
      inputs,
      layers: [...before, { name: 'layer', inputs: read, output: 'out', ...layer }],
      output: 'out',
    });
  const names = inputs.map((input) => input.name);
  const alone = define(names, []);
  if (alone.parameters.length > 0) return alone;
  const before = { name: 'before', kind: 'batch-norm', inputs: ['x'], affine: false };
  return define(['before', ...names.slice(1)], [before]);
}

/** N networks with parameters of order 1; variances are positive. */
function drawParams({ parameters }: Architecture, draws: RandomStream, count = N): NdArrays {
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const own = draws.split(name);
      const [low, high] = name.endsWith('running_var') ? [0.5, 2] : [-1, 1];
      return [name, own.uniform([count, ...shape], low, high)];
    }),
  );
}

/** Points of each network, or the same for all. */
function drawInputs({ spec }: Architecture, draws: RandomStream, shared: boolean, count = N): NdArrays {
  return Object.fromEntries(
    spec.inputs.map(({ name, size, positions = [], indices }) => {
      const own = draws.split(name);
      const shape = [...(shared ? [] : [count]), P, ...positions, size];
      const x = own.uniform(shape, -1, 1);
      return [
        name,
        indices === undefined
          ? x
          : ndarray(
              x.data.map((v) => Math.floor(((v + 1) / 2) * indices)),
              shape,
            ),
      ];
    }),
  );
}

type Sized = ReturnType<typeof reader>;

/** All numbers that a function gives, by index. */
function written(read: Read, shape: readonly number[]): number[] {
  return Array.from({ length: shape.reduce((n, m) => n * m, 1) }, (_, flat) => {
    let rest = flat;
    const index = shape.toReversed().map((n) => {
      const at = rest % n;
      rest = Math.floor(rest / n);
      return at;
    });
    return read(...index.reverse());
  });
}

/** Row n of an array, as a function of its index. */
function row({ data }: NdArray, n: number, shape: readonly number[]): Sized {
  const each = shape.reduce((a, b) => a * b, 1);
  return reader(data.slice(n * each, (n + 1) * each), shape);
}

/** Outputs of all networks by the oracle. */
function expected(c: LayerCase, architecture: Architecture, params: NdArrays, inputs: NdArrays): NdArray {
  const { positions, size } = architecture.values.at(-1)!;
  const result: number[] = [];
  for (let n = 0; n < N; n++) {
    const own = (layer: string) =>
      Object.fromEntries(
        architecture.parameters
          .filter((p) => p.layer === layer)
          .map((p) => [p.name.slice(layer.length + 1), row(params[p.name]!, n, p.shape)]),
      );
    for (let p = 0; p < P; p++) {
      const points = architecture.spec.inputs.map((input) => {
        const point = [...(input.positions ?? []), input.size];
        const x = inputs[input.name]!;
        return row(x, x.shape.length === point.length + 1 ? p : n * P + p, point);
      });
      const [x] = points;
      if (architecture.spec.layers.length > 1) {
        points[0] = reader(written(batchNorm(1e-5)(own('before'), x!), x!.shape), x!.shape);
      }
      result.push(...written(c.oracle(own('layer'), ...points), [...positions, size]));
    }
  }
  return ndarray(result, [N, P, ...positions, size]);
}

test('every layer kind has a case', () => {
  const missing = layerKinds().filter((kind) => layerCases.every(({ layer }) => layer.kind !== kind));
  expect(missing).toEqual([]);
});

describe.each(layerCases.map((c) => [c.name, c] as const))('%s', (name, c) => {
  const architecture = networkOf(c);
  const params = drawParams(architecture, stream(name).split('params'));

  test.each([
    ['shared points', true],
    ['points of each network', false],
  ])('agrees with loops in double precision, compiled and eagerly, on %s', async (_, shared) => {
    const inputs = drawInputs(architecture, stream(name).split('inputs'), shared);
    const want = expected(c, architecture, params, inputs);
    for (const device of ['cpu', 'eager'] as const) {
      const f = compile((p: Tensors, x: Tensors) => forwardStacked(architecture, p, x), { device, threads: 1 });
      assertClose(await f(params, inputs), want, { rtol: 1e-4, atol: 1e-5 });
      await f.release();
    }
  });
  test.runIf(c.gradient ?? true)('has the gradient that differences give', () => {
    const one = drawParams(architecture, stream(name).split('params'), 1);
    const inputs = drawInputs(architecture, stream(name).split('inputs'), true);
    const f = (t: Tensors) => forwardStacked(architecture, t, t);
    expect(gradientError(f, { ...one, ...inputs })).toBeLessThan(1e-2);
  });
  test('has the same gradient compiled, and depends on every parameter', async () => {
    const inputs = drawInputs(architecture, stream(name).split('inputs'), false);
    const f = (t: Tensors) => forwardStacked(architecture, t, mapValues(inputs, toTensor));
    const dead = deadInputs(f, params);
    // The softmax doesn't see what is added to all of its scores.
    expect(dead.filter((p) => p !== 'layer.k.bias')).toEqual([]);
    const grads = (p: Tensors, x: Tensors) =>
      valueAndGrads((q) => tf.sum(tf.sin(forwardStacked(architecture, q, x))), p).grads;
    const [a, b] = [
      await compile(grads, { threads: 1 })(params, inputs),
      await compile(grads, { device: 'eager' })(params, inputs),
    ];
    for (const { name: p } of architecture.parameters) {
      const scale = Math.max(1, ...Array.from(b[p]!.data, Math.abs));
      assertClose(a[p]!, b[p]!, { rtol: 1e-4, atol: 1e-5 * scale });
    }
  });
  test('comes back from its own spec, through JSON', () => {
    expect(defineArchitecture(JSON.parse(JSON.stringify(architecture.spec)))).toEqual(architecture);
  });
});
