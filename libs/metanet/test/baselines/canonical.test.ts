import {
  compile,
  gradientError,
  mapValues,
  ndarray,
  RandomStream,
  tf,
  toTensor,
  valueAndGrads,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  createMetanet,
  neuronScoreParameters,
  neuronScores,
  scoredSpaces,
  softOrder,
  sortingFrames,
  straightThrough,
} from '@weightspace/metanet';
import { act, assertInvariance, certifyInvariance, randomElement, symmetryGroup } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { BATCH, chain, CLASSES, networksOf, shallow, stream, tiny } from '../networks.ts';
import { inputsOf } from '../support/inputs.ts';

const kinds = ['canonical-mlp', 'frame-averaging', 'learned-canonicalization'];
const small = { head: [19, 17] };
const tensors = (arrays: NdArrays): Tensors => mapValues(arrays, (x) => toTensor(x));
const valuesOf = (x: Tensor): number[] => Array.from(x.dataSync());

describe.each(kinds)('%s', (kind) => {
  const networks = [...inputsOf.mlp, ...inputsOf.cnn, ...inputsOf.residual].map((a) => [a.name, a] as const);
  const caseOf = (architecture: (typeof networks)[number][1], gauge: boolean) => {
    const model = createMetanet(kind, architecture, CLASSES, { ...small, gauge });
    const params = model.initialize(stream.split('params'));
    const fixed = model.measure(networksOf(architecture, 20), stream.split('fixed'));
    const f = compile((p: Tensors, x: Tensors, w: Tensors) => ({ y: model.apply(p, x, w) }), { threads: 1 });
    const draws = stream.split('group');
    return {
      f: async (w: NdArrays) => (await f(params, fixed, w)) as NdArrays,
      input: networksOf(architecture, BATCH),
      elements: Array.from({ length: 3 }, () => randomElement(symmetryGroup(architecture), draws)),
      actIn: (g: Parameters<typeof act>[1], w: NdArrays) => act(architecture, g as never, w),
      // Shifts by up to 4 π/ω cost digits of biases, and rows are divided by small numbers.
      tolerance: 1e-4,
    };
  };
  test.each(networks)('on %s: signs, phases and scales change nothing', async (_, architecture) => {
    await assertInvariance(caseOf(architecture, true));
  });
  test.each([
    ['signs and phases', chain],
    ['signs', shallow],
    ['scales', inputsOf.cnn[0]!],
  ] as const)('without gauge it sees %s, so the check can fail', async (_, architecture) => {
    expect((await certifyInvariance(caseOf(architecture, false))).passed).toBe(false);
  });
  test('refuses settings that make no sense', () => {
    const [setting, text] = {
      'canonical-mlp': [{ key: 'size' }, "key must be magnitude or mean, got 'size'"],
      'frame-averaging': [{ frames: 0 }, 'frames must be a whole number above 0, got 0'],
      'learned-canonicalization': [{ temperature: 0 }, 'temperature must be above 0, got 0'],
    }[kind] as [never, string];
    expect(() => createMetanet(kind, tiny, 2, setting)).toThrow(`${kind}: ${text}`);
  });
});

/** Neurons of the only hidden space of `shallow` in an order, in a row as the flat MLP has them. */
function sortedRow(weights: NdArrays, n: number, order: readonly number[]): number[] {
  const [w1, b1, w2, b2] = shallow.parameters.map(({ name, shape }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return weights[name]!.data.subarray(n * size, (n + 1) * size);
  });
  return [
    ...order.flatMap((q) => [0, 1, 2].map((j) => w1![3 * q + j]!)),
    ...order.map((q) => b1![q]!),
    ...[0, 1].flatMap((i) => order.map((q) => w2![4 * i + q]!)),
    ...Array.from(b2!),
  ];
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
/** Of neuron q: means of row, bias and column, then mean magnitudes. */
function statisticsOf(weights: NdArrays, n: number, q: number): number[] {
  const row = sortedRow(weights, n, [0, 1, 2, 3]);
  const places = [row.slice(3 * q, 3 * q + 3), [row[12 + q]!], [row[16 + q]!, row[20 + q]!]];
  return [...places.map(meanOf), ...places.map((values) => meanOf(values.map(Math.abs)))];
}
const orderBy = (keys: readonly number[]) => keys.map((_, q) => q).sort((a, b) => keys[b]! - keys[a]!);
const neurons = [0, 1, 2, 3];

/** The perceptron with no hidden layer, by hand. */
function linearOf(params: NdArrays, fixed: NdArrays, row: readonly number[]): number[] {
  const x = row.map((v, i) => (v - fixed['mean']!.data[i]!) / fixed['deviation']!.data[i]!);
  const [weight, bias] = [params['head.0.weight']!.data, params['head.0.bias']!.data];
  return Array.from(bias, (b, k) => x.reduce((sum, v, i) => sum + v * weight[i * bias.length + k]!, b));
}

describe('canonical-mlp', () => {
  test('reads neurons in the order of their magnitudes', () => {
    const model = createMetanet('canonical-mlp', shallow, CLASSES, { head: [], gauge: false });
    const weights = networksOf(shallow);
    const params = model.initialize(stream.split('params'));
    const fixed = model.measure(weights, stream);
    const y = model.apply(tensors(params), tensors(fixed), tensors(weights)).arraySync() as number[][];
    const rows = y.map((_, n) =>
      sortedRow(
        weights,
        n,
        orderBy(
          neurons.map((q) =>
            statisticsOf(weights, n, q)
              .slice(3)
              .reduce((a, b) => a + b),
          ),
        ),
      ),
    );
    y.forEach((row, n) => linearOf(params, fixed, rows[n]!).forEach((want, k) => expect(row[k]).toBeCloseTo(want, 4)));
    rows[0]!.forEach((_, i) => expect(fixed['mean']!.data[i]).toBeCloseTo(meanOf(rows.map((row) => row[i]!)), 5));
  });
});

describe('frame-averaging', () => {
  test('is the mean over one order for each direction', () => {
    const model = createMetanet('frame-averaging', shallow, CLASSES, { head: [], gauge: false, frames: 3 });
    const weights = networksOf(shallow);
    const params = model.initialize(stream.split('params'));
    const fixed = model.measure(weights, stream.split('fixed'));
    const directions = fixed['direction.h1']!;
    expect(directions.shape).toEqual([6, 3]);
    const y = model.apply(tensors(params), tensors(fixed), tensors(weights)).arraySync() as number[][];
    const distinct = new Set<string>();
    y.forEach((row, n) => {
      const frames = [0, 1, 2].map((k) => {
        const keys = neurons.map((q) =>
          statisticsOf(weights, n, q).reduce((sum, s, f) => sum + s * directions.data[3 * f + k]!, 0),
        );
        distinct.add(`${n} ${orderBy(keys).join()}`);
        return linearOf(params, fixed, sortedRow(weights, n, orderBy(keys)));
      });
      row.forEach((value, c) => expect(value).toBeCloseTo(meanOf(frames.map((own) => own[c]!)), 4));
    });
    expect(distinct.size).toBeGreaterThan(BATCH);
  });

  test('frames of one network lie one after another', () => {
    const weights = tensors(networksOf(shallow, 2));
    const directions = tensors({ 'direction.h1': stream.split('directions').normal([6, 3]) });
    const both = sortingFrames(shallow, directions, weights)['layer1.bias']!;
    const second = sortingFrames(
      shallow,
      directions,
      mapValues(weights, (w) => w.slice([1], [1])),
    )['layer1.bias']!;
    expect(both.shape).toEqual([6, 4]);
    expect(valuesOf(both).slice(12)).toEqual(valuesOf(second));
  });
});

describe('neuronScores', () => {
  const spaces = scoredSpaces(chain);
  const params = neuronScoreParameters(spaces, 5, stream.split('scores'));
  const draws = stream.split('statistics');
  const statistics = Object.fromEntries(
    spaces.map(({ name, size, statistics: F }) => [name, draws.split(name).normal([2, size, F])]),
  );
  const fixed = Object.fromEntries(
    spaces.flatMap(({ name, statistics: F }) => [
      [`${name}.mean`, draws.split(`${name} mean`).normal([F])],
      [`${name}.deviation`, draws.split(`${name} deviation`).uniform([F], 0.5, 2)],
    ]),
  );

  test('are two layers on each neuron with the means of all spaces between', () => {
    const found = neuronScores(tensors(params), spaces, tensors(statistics), tensors(fixed));
    const at = (name: string, i: number, j: number) => params[name]!.data[i * params[name]!.shape[1]! + j]!;
    const channels = [0, 1, 2, 3, 4];
    for (const n of [0, 1]) {
      const hidden = spaces.map(({ name, size, statistics: F }) =>
        Array.from({ length: size }, (_, q) =>
          channels.map((c) => {
            let sum = params[`score.${name}.1.bias`]!.data[c]!;
            for (let f = 0; f < F; f++) {
              const raw = statistics[name]!.data[(n * size + q) * F + f]!;
              const x = (raw - fixed[`${name}.mean`]!.data[f]!) / fixed[`${name}.deviation`]!.data[f]!;
              sum += x * at(`score.${name}.1.weight`, f, c);
            }
            return Math.tanh(sum);
          }),
        ),
      );
      const pooled = hidden.flatMap((own) => channels.map((c) => meanOf(own.map((h) => h[c]!))));
      spaces.forEach(({ name, size }, s) => {
        for (let q = 0; q < size; q++) {
          const score = channels.reduce((total, c) => {
            let sum = params[`score.${name}.2.bias`]!.data[c]!;
            channels.forEach((d) => (sum += hidden[s]![q]![d]! * at(`score.${name}.2.weight`, d, c)));
            pooled.forEach((p, d) => (sum += p * at(`score.${name}.pooled.weight`, d, c)));
            return total + Math.tanh(sum) * at(`score.${name}.3.weight`, c, 0);
          }, 0);
          expect(valuesOf(found[name]!)[n * size + q]).toBeCloseTo(score, 5);
        }
      });
    }
  });

  test('have the gradients that differences give', () => {
    const f = (p: Tensors) => neuronScores(p, spaces, tensors(statistics), tensors(fixed));
    expect(gradientError(f, params)).toBeLessThan(1e-2);
  });
});

describe('softOrder and straightThrough', () => {
  const sorted = ndarray([0.9, 0.4, 0.3, -0.7, 2, 0.1, -0.2, -1], [2, 4]);

  test('a soft order weighs neurons by how near their scores are', () => {
    const soft = softOrder(toTensor(sorted), 0.5).arraySync() as number[][][];
    soft.forEach((matrix, a) =>
      matrix.forEach((row, i) => {
        const s = (j: number) => sorted.data[4 * a + j]!;
        const parts = neurons.map((j) => Math.exp(-Math.abs(s(i) - s(j)) / 0.5));
        row.forEach((value, j) => expect(value).toBeCloseTo(parts[j]! / parts.reduce((x, y) => x + y), 6));
      }),
    );
    const sharp = softOrder(toTensor(sorted), 1e-3).arraySync() as number[][][];
    sharp.forEach((matrix) =>
      matrix.forEach((row, i) => row.forEach((value, j) => expect(value).toBeCloseTo(Number(i === j), 6))),
    );
  });

  test('a soft order has the gradient that differences give', () => {
    expect(gradientError((s) => softOrder(s, 0.5), sorted)).toBeLessThan(1e-2);
  });

  test('rows go through as they are, with the gradient of the soft product for the order', () => {
    const draws = RandomStream.fromSeed(4);
    const [x, s, target] = ['x', 's', 'target'].map((name, i) => draws.split(name).normal([2, 4, [3, 4, 3][i]!]));
    const loss = (y: Tensor) => tf.sum(tf.mul(y, toTensor(target!))) as Tensor;
    const run = (f: (p: Tensors) => Tensor) => valueAndGrads((p) => loss(f(p)), tensors({ x: x!, s: s! }));
    const through = run((p) => straightThrough(p['x']!, p['s']!));
    const soft = run((p) => tf.matMul(p['s']!, p['x']!));
    expect(valuesOf(straightThrough(toTensor(x!), toTensor(s!)))).toEqual(Array.from((x as NdArray).data));
    const close = (a: Tensor, b: readonly number[]) =>
      valuesOf(a).forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 5));
    close(through.grads['s']!, valuesOf(soft.grads['s']!));
    close(through.grads['x']!, Array.from(target!.data));
  });
});
