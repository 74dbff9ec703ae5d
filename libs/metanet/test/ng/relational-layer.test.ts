import { assertClose, gradientError, mapValues, ndarray, RandomStream, tf, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import {
  fractionMask,
  layerNormFirst,
  relationalAttention,
  relationalAttentionParameters,
  relationalLayerParameters,
  scaledGelu,
  updateEdges,
  updateNodes,
} from '@weightspace/metanet';
import { describe, expect, test } from 'vitest';

const [B, N, D, C, A, H] = [2, 5, 3, 2, 8, 4];
const widths = { nodes: D, edges: C, attention: A, nodesHidden: 6, edgesHidden: 7 };
const stream = RandomStream.fromSeed(9);
const x = stream.split('x').normal([B, N, D]);
const e = stream.split('e').normal([B, C, N, N]);
const tensors = (arrays: NdArrays): Tensors => mapValues(arrays, toTensor);
/** Biases and norms start at 0 and 1; moved, so that leaving them out shows. */
const moved = (arrays: NdArrays): NdArrays =>
  mapValues(arrays, (own, name) =>
    ndarray(
      (own.data as Float32Array).map((v, i) => v + stream.split(name).normal(own.shape, 0, 0.3).data[i]!),
      own.shape,
    ),
  );
const at = (array: NdArray, ...index: number[]): number =>
  array.data[index.reduce((sum, i, axis) => sum * array.shape[axis]! + i, 0)]!;
const sum = (count: number, f: (i: number) => number): number =>
  Array.from({ length: count }, (_, i) => f(i)).reduce((a, b) => a + b, 0);
const vector = (count: number, f: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => f(i));
const arrayOf = (t: Tensor): NdArray => ndarray(t.dataSync() as Float32Array, t.shape);

describe('relationalAttention', () => {
  const params = relationalAttentionParameters('a', widths, stream.split('attention'));
  const [nodes, edges] = [params['a.nodes.weight']!, params['a.edges.weight']!];
  /** Pair by pair, as the equations say. */
  const slow = (asking: readonly number[], mask: (i: number, j: number) => number = () => 0): NdArray => {
    const S = A / H;
    const of = (b: number, i: number, d: number) => sum(D, (c) => at(x, b, i, c) * at(nodes, c, d));
    const ofEdge = (b: number, i: number, j: number, d: number) => sum(C, (c) => at(e, b, c, i, j) * at(edges, c, d));
    const values = vector(B, (b) => b).flatMap((b) =>
      asking.flatMap((i) =>
        vector(A, (d) => d).map((d) => {
          const head = Math.floor(d / S);
          const scores = vector(N, (j) => {
            const dot = sum(S, (s) => {
              const c = head * S + s;
              return (of(b, i, c) + ofEdge(b, i, j, c)) * (of(b, j, A + c) + ofEdge(b, i, j, A + c));
            });
            return Math.exp(dot / Math.sqrt(A) + mask(i, j));
          });
          const all = scores.reduce((p, q) => p + q, 0);
          const value = (j: number) => of(b, j, 2 * A + d) * ofEdge(b, i, j, 3 * A + d) + ofEdge(b, i, j, 2 * A + d);
          return sum(N, (j) => (scores[j]! / all) * value(j));
        }),
      ),
    );
    return ndarray(Float32Array.from(values), [B, asking.length, A]);
  };
  const p = tensors(params);

  test('is what its equations say, pair by pair', () => {
    assertClose(arrayOf(relationalAttention(p, 'a', toTensor(x), toTensor(e), { heads: H })), slow([0, 1, 2, 3, 4]), {
      rtol: 1e-5,
      atol: 1e-6,
    });
  });

  test('answers some nodes alone, and sees what a mask leaves', () => {
    const rows = { start: 1, size: 2 };
    const mask = vector(N * N, (k) => (k % 3 === 0 ? -1e9 : 0));
    const own = tf.slice(toTensor(e), [0, 0, 1, 0], [B, C, 2, N]);
    const ofRows = tf.tensor4d(mask.slice(N, 3 * N), [1, 1, 2, N]);
    const y = relationalAttention(p, 'a', toTensor(x), own, { heads: H, rows, mask: ofRows });
    assertClose(
      arrayOf(y),
      slow([1, 2], (i, j) => mask[i * N + j]!),
      { rtol: 1e-5, atol: 1e-6 },
    );
  });

  test('has the gradients of differences, of nodes, edges and weights', () => {
    const f = (given: Record<string, Tensor>) =>
      relationalAttention(given, 'a', given['x']!, given['e']!, { heads: H });
    expect(gradientError(f, { ...params, x, e })).toBeLessThan(2e-3);
  });
});

/** Abramowitz and Stegun 1964, 7.1.26; to 1.5e-7. */
function erf(v: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(v));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(v) * (1 - series * Math.exp(-v * v));
}
const gelu = (v: number): number => 0.5 * v * (1 + erf(v * Math.SQRT1_2));

function norm(values: readonly number[], gain: NdArray, shift: NdArray): number[] {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return values.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-5)) * at(gain, i) + at(shift, i));
}

describe('updateEdges and updateNodes', () => {
  const params = moved(relationalLayerParameters('l', widths, true, stream.split('layer')));
  const get = (name: string) => params[`l.${name}`]!;
  const linear = (name: string, input: readonly number[], bias = true): number[] =>
    vector(get(`${name}.weight`).shape[1]!, (d) => {
      const own = bias ? at(get(`${name}.bias`), d) : 0;
      return own + sum(input.length, (c) => input[c]! * at(get(`${name}.weight`), c, d));
    });
  const plus = (a: readonly number[], b: readonly number[]) => a.map((v, i) => v + b[i]!);
  const finish = (part: string, input: readonly number[], update: readonly number[]): number[] => {
    const [first, second] = part === '' ? ['norm1', 'norm2'] : [`${part}norm1`, `${part}norm2`];
    const y = norm(plus(input, update), get(`${first}.gain`), get(`${first}.shift`));
    const hidden = linear(`${part}mlp1`, y, false).map(gelu);
    return norm(plus(y, linear(`${part}mlp2`, hidden)), get(`${second}.gain`), get(`${second}.shift`));
  };
  const nodeOf = (b: number, i: number) => vector(D, (d) => at(x, b, i, d));
  const edgeOf = (b: number, i: number, j: number) => vector(C, (c) => at(e, b, c, i, j));

  test('edges are updated as the equations say, from both directions and both ends', () => {
    const y = arrayOf(updateEdges(tensors(params), 'l', toTensor(x), toTensor(e), { dropout: 0 }));
    for (let b = 0; b < B; b++)
      for (let i = 0; i < N; i++)
        for (let j = 0; j < N; j++) {
          const both = linear('edges.both', [...edgeOf(b, i, j), ...edgeOf(b, j, i)]);
          const ends = plus(linear('edges.source', nodeOf(b, i)), linear('edges.target', nodeOf(b, j)));
          const update = linear('edges.out', plus(both, ends).map(gelu));
          const expected = finish('edges.', edgeOf(b, i, j), update);
          expected.forEach((v, c) => expect(Math.abs(at(y, b, c, i, j) - v)).toBeLessThan(2e-5));
        }
  });

  test('gives the edges of some nodes as it gives those of all', () => {
    const p = tensors(params);
    const all = updateEdges(p, 'l', toTensor(x), toTensor(e), { dropout: 0 });
    const some = updateEdges(p, 'l', toTensor(x), toTensor(e), { dropout: 0, rows: { start: 2, size: 2 } });
    assertClose(arrayOf(some), arrayOf(tf.slice(all, [0, 0, 2, 0], [B, C, 2, N])), { rtol: 1e-5, atol: 1e-6 });
  });

  test('nodes are updated as the equations say', () => {
    const p = tensors(params);
    const attended = arrayOf(relationalAttention(p, 'l.attention', toTensor(x), toTensor(e), { heads: H }));
    const y = arrayOf(updateNodes(p, 'l', toTensor(x), toTensor(e), { heads: H, dropout: 0 }));
    for (let b = 0; b < B; b++)
      for (let i = 0; i < N; i++) {
        const update = linear(
          'mix',
          linear(
            'attention.out',
            vector(A, (d) => at(attended, b, i, d)),
          ),
        );
        finish('', nodeOf(b, i), update).forEach((v, d) => expect(Math.abs(at(y, b, i, d) - v)).toBeLessThan(2e-5));
      }
  });

  test('have the gradients of differences', () => {
    const f = (given: Record<string, Tensor>) => updateEdges(given, 'l', given['x']!, given['e']!, { dropout: 0 });
    const own = Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith('l.edges')));
    expect(gradientError(f, { ...own, x, e }, 3e-3)).toBeLessThan(1e-2);
  });

  test('masks keep the share that they should, and nothing else', () => {
    const u = toTensor(stream.split('u').uniform([1, 40], 0, 1));
    const c = toTensor(stream.split('c').uniform([1, 30], 0, 1));
    const mask = fractionMask(tf.add(tf.expandDims(u, 2), tf.expandDims(c, 1)), 0.25).dataSync() as Float32Array;
    expect(new Set(Array.from(mask, (v) => v.toFixed(4)))).toEqual(new Set(['0.0000', '1.3333']));
    expect(Math.abs(mask.reduce((p, q) => p + q, 0) / mask.length - 1)).toBeLessThan(0.05);
  });
});

describe('scaledGelu and layerNormFirst', () => {
  test('scaledGelu is √2 · GELU(√2 x), far out too', () => {
    const points = [-100, -3, -0.5, 0, 0.5, 3, 100];
    const y = scaledGelu(tf.tensor1d(points)).dataSync();
    points.forEach((v, i) =>
      expect(Math.abs(y[i]! - Math.SQRT2 * gelu(Math.SQRT2 * v))).toBeLessThan(1e-5 * Math.max(1, Math.abs(v))),
    );
    expect(gradientError((v) => scaledGelu(v), stream.split('gelu').normal([9]), 3e-3)).toBeLessThan(2e-3);
  });

  test('layerNormFirst is over channels of each pair, with the gradients of differences', () => {
    const given = stream.split('norm').normal([2, 3, 4], 0.5, 2);
    const gain = stream.split('gain').normal([3], 1, 0.2);
    const shift = stream.split('shift').normal([3]);
    const y = arrayOf(layerNormFirst(toTensor(given), toTensor(gain), toTensor(shift)));
    for (let b = 0; b < 2; b++)
      for (let i = 0; i < 4; i++)
        norm(
          vector(3, (c) => at(given, b, c, i)),
          gain,
          shift,
        ).forEach((v, c) => expect(Math.abs(at(y, b, c, i) - v)).toBeLessThan(1e-5));
    const f = (t: Record<'x' | 'gain' | 'shift', Tensor>) => layerNormFirst(t.x, t.gain, t.shift);
    expect(gradientError(f, { x: given, gain, shift }, 3e-3)).toBeLessThan(5e-3);
  });
});
