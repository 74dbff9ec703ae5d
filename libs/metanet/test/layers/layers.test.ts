import { cnn } from '@weightspace/architecture';
import { compile, deadInputs, gradientError, ndarray, RandomStream, tf, toTensor } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  addPositionEmbedding,
  attention,
  channelDropout,
  channelDropoutNoise,
  gelu,
  layoutOf,
  perceiver,
  perceiverParameters,
  pointwise,
  pointwiseParameters,
  positionEmbeddingParameters,
} from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

import { featuresOf, tiny } from '../networks.ts';

const stream = RandomStream.fromSeed(31);
const convolutional = cnn({ input: { positions: [5, 5], size: 2 }, features: [3, 5], kernel: 2, outputs: 4 });
const values = (x: Tensor): number[] => Array.from(x.dataSync());
const tensors = (arrays: NdArrays): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(arrays).map(([name, x]) => [name, toTensor(x)]));
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const range = (n: number) => [...Array(n).keys()];

describe('gelu', () => {
  /** erf by its series. */
  const erf = (x: number) => {
    let [term, total] = [x, x];
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      total += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * total;
  };
  test('is x Φ(x), also far out', () => {
    for (const x of [-2.5, -1, -0.1, 0, 0.3, 1.7]) {
      expect(values(gelu(tf.scalar(x)))[0]).toBeCloseTo((x * (1 + erf(x / Math.SQRT2))) / 2, 5);
    }
    expect(values(gelu(tf.tensor1d([-100, 100])))).toEqual([-0, 100]);
  });
  test('has the gradient of differences, and a finite one far out', () => {
    expect(gradientError(gelu, stream.split('gelu').normal([20]))).toBeLessThan(1e-3);
    const slope = tf.grad((x: Tensor) => tf.sum(gelu(x)))(tf.tensor1d([-100, 0, 100])) as Tensor;
    values(slope).forEach((v, i) => expect(v).toBeCloseTo([0, 0.5, 1][i]!, 6));
  });
});

describe('attention', () => {
  test('is the weighted mean of values, also for scores of ±100', async () => {
    const [q, k, v] = [
      stream.split('q').normal([2, 3, 4], 0, 9),
      stream.split('k').normal([2, 5, 4], 0, 9),
      stream.split('v').normal([2, 5, 6]),
    ];
    const f = compile((a: Tensor, b: Tensor, c: Tensor) => ({ y: attention(a, b, c) }), { threads: 1 });
    const y = ((await f(q, k, v)) as unknown as NdArrays)['y']!;
    for (const b of range(2))
      for (const t of range(3)) {
        const scores = range(5).map(
          (s) => sum(range(4).map((c) => q.data[(b * 3 + t) * 4 + c]! * k.data[(b * 5 + s) * 4 + c]!)) / 2,
        );
        const powers = scores.map((s) => Math.exp(s - Math.max(...scores)));
        for (const d of range(6)) {
          const want = sum(powers.map((p, s) => p * v.data[(b * 5 + s) * 6 + d]!)) / sum(powers);
          expect(y.data[(b * 3 + t) * 6 + d]).toBeCloseTo(want, 4);
        }
      }
  });
});

describe('pointwise', () => {
  test.each(Object.entries({ tiny, convolutional }))('on %s maps the channels of each entry', (_, architecture) => {
    const layout = layoutOf('test', architecture, 'all');
    const [params, x] = [pointwiseParameters('p', layout, 2, 3, stream), featuresOf(layout, 2)];
    const y = pointwise(tensors(params), 'p', layout, tensors(x));
    for (const t of layout.tensors) {
      const [inputs, outputs] = [2 * t.folded, 3 * t.folded];
      const [weight, bias] = [params[`p.${t.name}.weight`]!.data, params[`p.${t.name}.bias`]!.data];
      const got = values(y[t.name]!);
      expect(y[t.name]!.shape).toEqual([...x[t.name]!.shape.slice(0, -1), outputs]);
      got.forEach((v, at) => {
        const [row, d] = [Math.floor(at / outputs), at % outputs];
        const want =
          bias[d]! + sum(range(inputs).map((c) => x[t.name]!.data[row * inputs + c]! * weight[c * outputs + d]!));
        expect(v).toBeCloseTo(want, 4);
      });
    }
  });
});

describe('addPositionEmbedding', () => {
  test('adds the vectors of the parameter, the input and the output', () => {
    const layout = layoutOf('test', convolutional, 'all');
    const fixed = new Set(convolutional.spaces.filter((s) => !s.free).map((s) => s.name));
    const params = positionEmbeddingParameters('p', layout, fixed, 3, stream);
    const inside = [...layout.spaces.keys()].filter((space) => fixed.has(space));
    expect(inside).toHaveLength(2);
    expect(Object.keys(params)).toHaveLength(layout.tensors.length + 2);
    const x = featuresOf(layout, 3);
    const y = addPositionEmbedding(tensors(params), 'p', layout, fixed, tensors(x));
    for (const t of layout.tensors) {
      const { shape, data } = x[t.name]!;
      values(y[t.name]!).forEach((v, at) => {
        const c = (at % shape.at(-1)!) % 3;
        const vectors = t.spaces.flatMap((space, axis) => {
          if (!fixed.has(space)) return [];
          const after = shape.slice(axis + 2).reduce((a, b) => a * b, 1);
          return [params[`p.${space}`]!.data[(Math.floor(at / after) % shape[axis + 1]!) * 3 + c]!];
        });
        expect(v).toBeCloseTo(data[at]! + params[`p.${t.name}`]!.data[c]! + sum(vectors), 5);
      });
    }
  });
});

describe('channelDropout', () => {
  const layout = layoutOf('test', convolutional, 'hidden');
  test('drops channels of whole matrices, keeps the mean, and does nothing without masks', () => {
    const noise = channelDropoutNoise('d', layout, 4, { channels: 0.25 }, 400, stream);
    const x = featuresOf(layout, 4, 400);
    const y = channelDropout('d', layout, tensors(x), tensors(noise));
    for (const t of layout.tensors) {
      const mask = noise[`d.${t.name}`]!;
      expect(mask.shape).toEqual([400, 4 * t.folded]);
      expect(new Set(mask.data)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
      expect(sum(Array.from(mask.data)) / mask.data.length).toBeCloseTo(1, 1);
      const width = 4 * t.folded;
      const size = x[t.name]!.data.length / 400;
      values(y[t.name]!).forEach((v, at) =>
        expect(v).toBeCloseTo(x[t.name]!.data[at]! * mask.data[Math.floor(at / size) * width + (at % width)]!, 5),
      );
    }
    expect(channelDropoutNoise('d', layout, 4, { channels: 0 }, 5, stream)).toEqual({});
    const [first] = layout.tensors;
    expect(values(channelDropout('d', layout, tensors(x), {})[first!.name]!)).toEqual(Array.from(x[first!.name]!.data));
  });
  test('drops whole matrices', () => {
    const noise = channelDropoutNoise('d', layout, 4, { channels: 0, matrices: 0.5 }, 300, stream);
    for (const { shape, data } of Object.values(noise)) {
      const kept = range(300).map((b) => new Set(data.subarray(b * shape[1]!, (b + 1) * shape[1]!)));
      expect(kept.every((row) => row.size === 1)).toBe(true);
      const share = kept.filter((row) => row.has(2)).length / 300;
      expect(Math.abs(share - 0.5)).toBeLessThan(0.12);
    }
  });
});

describe('perceiver', () => {
  const settings = { latents: 3, width: 4, crossHeads: 2, crossWidth: 5, selfLayers: 1, selfHeads: 2, selfWidth: 3 };
  const params = perceiverParameters('p', 6, settings, stream.split('perceiver'));
  const parts = [stream.split('a').normal([2, 7, 6]), stream.split('b').normal([2, 2, 6])];
  const f = (p: Tensors, x: readonly Tensor[]) => perceiver(p, 'p', x, settings);

  /** Keys and values of every token, head by head, as the paper has them. */
  function slow(network: number): number[][] {
    const at = (name: string) => params[`p.${name}`]!;
    const linear = (x: readonly number[], name: string, bias = true) => {
      const { shape, data } = at(`${name}.weight`);
      return range(shape[1]!).map(
        (j) => (bias ? at(`${name}.bias`).data[j]! : 0) + sum(x.map((v, i) => v * data[i * shape[1]! + j]!)),
      );
    };
    const norm = (x: readonly number[], name: string) => {
      const mean = sum(x) / x.length;
      const scale = Math.sqrt(sum(x.map((v) => (v - mean) ** 2)) / x.length + 1e-5);
      return x.map((v, i) => ((v - mean) / scale) * at(`${name}.gain`).data[i]! + at(`${name}.shift`).data[i]!);
    };
    const attend = (z: number[][], tokens: number[][], name: string, heads: number): number[][] => {
      const [q, kv] = [
        z.map((v) => linear(norm(v, `${name}.norm`), `${name}.query`, false)),
        tokens.map((v) => linear(v, `${name}.keyValue`, false)),
      ];
      const inner = q[0]!.length;
      const d = inner / heads;
      return q.map((query) => {
        const joined = range(heads).flatMap((h) => {
          const scores = kv.map((k) => sum(range(d).map((c) => query[h * d + c]! * k[h * d + c]!)) / Math.sqrt(d));
          const powers = scores.map((s) => Math.exp(s));
          return range(d).map((c) => sum(powers.map((p, i) => p * kv[i]![inner + h * d + c]!)) / sum(powers));
        });
        return linear(joined, `${name}.out`);
      });
    };
    const gate = (x: number) => values(gelu(tf.scalar(x)))[0]!;
    const feed = (x: readonly number[], name: string) => {
      const wide = linear(norm(x, `${name}.norm`), `${name}.in`);
      const half = wide.length / 2;
      return linear(
        range(half).map((i) => wide[i]! * gate(wide[half + i]!)),
        `${name}.out`,
      );
    };
    const plus = (a: number[][], b: number[][]) => a.map((row, i) => row.map((v, j) => v + b[i]![j]!));
    const rows = parts.flatMap(({ shape, data }) =>
      range(shape[1]!).map((i) =>
        Array.from(data.subarray((network * shape[1]! + i) * 6, (network * shape[1]! + i + 1) * 6)),
      ),
    );
    const context = rows.map((v) => norm(v, 'cross.context'));
    let z = range(3).map((m) => Array.from(at('latents').data.subarray(m * 4, (m + 1) * 4)));
    z = plus(z, attend(z, context, 'cross', 2));
    z = plus(
      z,
      z.map((v) => feed(v, 'feed')),
    );
    z = plus(
      z,
      attend(
        z,
        z.map((v) => norm(v, 'self0.norm')),
        'self0',
        2,
      ),
    );
    return plus(
      z,
      z.map((v) => feed(v, 'self0.feed')),
    );
  }

  test('agrees with its definition, though it maps no token to keys and values', () => {
    const got = values(f(tensors(params), parts.map(toTensor)));
    const want = [0, 1].flatMap((network) => slow(network).flat());
    expect(got).toHaveLength(want.length);
    want.forEach((v, i) => expect(got[i]).toBeCloseTo(v, 4));
    expect(Math.max(...want.map((v, i) => Math.abs(v - got[(i + 1) % got.length]!)))).toBeGreaterThan(0.1);
  });

  test('every parameter and token counts, with the gradients of differences', () => {
    const inputs: NdArrays = { ...params, a: parts[0]!, b: parts[1]! };
    const g = (given: Tensors) => f(given, [given['a']!, given['b']!]);
    expect(deadInputs(g, inputs)).toEqual([]);
    expect(gradientError(g, inputs)).toBeLessThan(1e-2);
  });

  test('does not see the order of tokens', () => {
    const [a] = parts;
    const turned = ndarray(
      Float32Array.from(a!.data, (_, at) => {
        const [b, i, c] = [Math.floor(at / 42), Math.floor(at / 6) % 7, at % 6];
        return a!.data[b * 42 + ((i + 3) % 7) * 6 + c]!;
      }),
      a!.shape,
    );
    const [one, two] = [a!, turned].map((x) => values(f(tensors(params), [toTensor(x), toTensor(parts[1]!)])));
    one!.forEach((v, i) => expect(two![i]).toBeCloseTo(v, 5));
  });
});
