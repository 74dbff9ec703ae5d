import { cnn, forward, rnn, siren } from '@weightspace/architecture';
import { compile, gradientError, mapValues, RandomStream, toTensor } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import { createMetanet, linearGenerator, metanetKind } from '@weightspace/metanet';
import type { Metanet } from '@weightspace/metanet';
import { act, assertInvariance, randomElement, symmetryGroup } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { BATCH, chain, CLASSES, networksOf, shallow, stream, tiny } from '../networks.ts';
import { inputsOf } from '../support/inputs.ts';
import { describeMember } from '../support/member.ts';

const kinds = ['probes', 'probe-gen'] as const;
const head = { head: [19, 17], dropout: 0.2 };
const wide = { head: [40, 30], dropout: 0, probes: 15 };
describeMember('probes', { settings: { probes: 9, ...head }, wide });
describeMember('probe-gen', {
  settings: { probes: 9, latent: 6, width: 2, ...head },
  variants: [{ depth: 3, refinements: 1 }],
  wide,
});

const small = (kind: string) => ({ probes: 9, ...head, ...(kind === 'probe-gen' && { latent: 6, width: 2 }) });
const tensors = (arrays: NdArrays): Tensors => mapValues(arrays, (x) => toTensor(x));

describe.each(kinds)('%s', (kind) => {
  test.each([chain, tiny, shallow, ...inputsOf.cnn, ...inputsOf.residual].map((a) => [a.name, a] as const))(
    'on %s: signs, phases and scales change nothing',
    async (_, architecture) => {
      const model = createMetanet(kind, architecture, CLASSES, small(kind));
      const params = model.initialize(stream.split('params'));
      const f = compile((p: Tensors, w: Tensors) => ({ y: model.apply(p, {}, w) }), { threads: 1 });
      const draws = stream.split('group');
      await assertInvariance({
        f: async (w) => (await f(params, w)) as NdArrays,
        input: networksOf(architecture, BATCH),
        elements: Array.from({ length: 3 }, () => randomElement(symmetryGroup(architecture), draws)),
        actIn: (g, w) => act(architecture, g, w),
        // Shifts by up to 4 π/ω move sines of 30 times as much.
        tolerance: 1e-4,
      });
    },
  );

  test('is a perceptron on what each network by itself gives on the probes', () => {
    const model = createMetanet(kind, chain, CLASSES, { ...small(kind), head: [] });
    const params = model.initialize(stream.split('params'));
    const weights = networksOf(chain, 2);
    const y = model.apply(tensors(params), {}, tensors(weights)).arraySync() as number[][];
    const probes = probesOf(kind, params, 9);
    y.forEach((row, n) => {
      const own = mapValues(weights, ({ data, shape }) => {
        const size = data.length / shape[0]!;
        return toTensor({
          dtype: 'float32',
          shape: shape.slice(1),
          data: (data as Float32Array).slice(n * size, (n + 1) * size),
        });
      });
      const given = Array.from(forward(chain, own, toTensor(probes)).dataSync());
      const [weight, bias] = [params['head.0.weight']!.data, params['head.0.bias']!.data];
      row.forEach((value, k) => {
        const want = given.reduce((sum, x, i) => sum + x * weight[i * CLASSES + k]!, bias[k]!);
        expect(value).toBeCloseTo(want, 4);
      });
    });
  });

  test('has the parameters of the public code', () => {
    const { published } = metanetKind(kind);
    const { sizes, outputs, settings, parameterCount } = published!;
    const model = createMetanet(kind, siren({ sizes }), outputs, settings as never);
    expect(model.parameterCount).toBe(parameterCount);
  });

  test('refuses words and settings that make no sense', () => {
    const words = rnn({ cell: 'rnn', steps: 3, vocabulary: 5, hidden: [4], outputs: 2 });
    expect(() => createMetanet(kind, words, 2)).toThrow(
      `${kind}: takes networks whose inputs can be learned, got 'x' with 5 words`,
    );
    expect(() => createMetanet(kind, tiny, 2, { probes: 0 })).toThrow('probes must be a whole number above 0, got 0');
  });

  test('has the gradients that differences give', () => {
    // Smooth networks, and no hidden ReLU.
    const model = createMetanet(kind, shallow, 3, { ...small(kind), head: [] });
    const weights = tensors(networksOf(shallow, 2));
    const params = model.initialize(stream.split('params'));
    expect(gradientError((p) => model.apply(p, {}, weights), params)).toBeLessThan(1e-2);
  });
});

/** Two linear layers, or none, in slow loops. */
function probesOf(kind: string, params: NdArrays, count: number) {
  if (kind === 'probes') return params['probes.input'] ?? params['probes.x']!;
  const name = Object.keys(params)
    .find((key) => key.startsWith('codes.'))!
    .slice('codes.'.length);
  const layer = (x: readonly (readonly number[])[], i: number) => {
    const weight = params[`generator.${name}.${i}.weight`]!;
    const [inputs, outputs] = weight.shape as [number, number];
    return x.map((row) =>
      Array.from({ length: outputs }, (_, k) => {
        let sum = params[`generator.${name}.${i}.bias`]!.data[k]!;
        for (let j = 0; j < inputs; j++) sum += row[j]! * weight.data[j * outputs + k]!;
        return sum;
      }),
    );
  };
  const codes = params[`codes.${name}`]!;
  const rows = Array.from({ length: count }, (_, p) =>
    Array.from(codes.data.subarray(p * codes.shape[1]!, (p + 1) * codes.shape[1]!)),
  );
  const made = layer(layer(rows, 1), 2);
  return { dtype: 'float32' as const, shape: [count, made[0]!.length], data: Float32Array.from(made.flat()) };
}

describe('the generator of images', () => {
  const small = { probes: 5, width: 2, refinements: 0 };
  const imagesOf = (positions: readonly [number, number], more = {}): Metanet =>
    createMetanet('probe-gen', cnn({ input: { positions, size: 3 }, features: [2], outputs: 2 }), 1, {
      probes: 5,
      head: [],
      ...more,
    });
  const generatorParameters = (model: Metanet) =>
    Object.entries(model.initialize(RandomStream.fromSeed(1))).filter(([name]) => name.startsWith('generator.'));
  const count = (model: Metanet) => generatorParameters(model).reduce((n, [, { data }]) => n + data.length, 0);

  test('has the layers of the public code for 32 × 32: five, or six', () => {
    // Transposed convolutions of nz 32 and width 16: weights in·out·k·k, and biases.
    const layer = (inputs: number, outputs: number, k: number) => inputs * outputs * k * k + outputs;
    const five = [layer(32, 128, 4), layer(128, 64, 4), layer(64, 32, 4), layer(32, 16, 4), layer(16, 3, 3)];
    const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
    expect(count(imagesOf([32, 32]))).toBe(sum(five));
    expect(count(imagesOf([32, 32], { refinements: 1 }))).toBe(sum([...five, layer(32, 32, 3)]));
  });

  test.each([
    [[28, 28], 5],
    [[4, 4], 2],
    [[9, 12], 4],
  ] as const)('makes images of %j with %d layers', ([h, w], layers) => {
    const generator = linearGenerator({ name: 'x', positions: [h, w], size: 3 }, { ...small, latent: 4, depth: 2 });
    const params = generator.initialize(RandomStream.fromSeed(1));
    expect(Object.keys(params)).toHaveLength(1 + 2 * layers);
    expect(generator.probes(tensors(params)).shape).toEqual([5, h, w, 3]);
  });

  test('are transposed convolutions without activations, and tanh', () => {
    const generator = linearGenerator({ name: 'x', positions: [6, 7], size: 3 }, { ...small, latent: 4, depth: 2 });
    const params = generator.initialize(stream.split('generator'));
    const made = generator.probes(tensors(params)).arraySync() as number[][][][];
    const [first, second, third] = [1, 2, 3].map((i) => params[`generator.x.${i}.weight`]!);
    const biases = [1, 2, 3].map((i) => params[`generator.x.${i}.bias`]!.data);
    for (let p = 0; p < 5; p++) {
      const code = Array.from(params['codes.x']!.data.subarray(4 * p, 4 * p + 4));
      const start: Image = [[code]];
      const a = transposed(start, first!, biases[0]!, 1, 0);
      const b = transposed(a, second!, biases[1]!, 2, 1);
      const image = transposed(b, third!, biases[2]!, 1, 1);
      expect([a.length, b.length, image.length]).toEqual([4, 8, 8]);
      for (let i = 0; i < 6; i++)
        for (let j = 0; j < 7; j++)
          for (let c = 0; c < 3; c++) expect(made[p]![i]![j]![c]).toBeCloseTo(Math.tanh(image[i + 1]![j]![c]!), 5);
    }
  });
});

type Image = readonly (readonly (readonly number[])[])[];

/** y[s·i + u − pad] += x[i] · w[u], and the bias: PyTorch's definition, in loops. @param weight shape `[K, K, out, in]` */
function transposed(x: Image, weight: NdArray, bias: ArrayLike<number>, stride: number, pad: number): Image {
  const [K, , outputs, inputs] = weight.shape as [number, number, number, number];
  const size = (x.length - 1) * stride - 2 * pad + K;
  const y = Array.from({ length: size }, () => Array.from({ length: size }, () => Array.from(bias)));
  x.forEach((row, i) =>
    row.forEach((channels, j) => {
      for (let u = 0; u < K; u++)
        for (let v = 0; v < K; v++) {
          const at = y[stride * i + u - pad]?.[stride * j + v - pad];
          if (at === undefined) continue;
          for (let o = 0; o < outputs; o++)
            for (let c = 0; c < inputs; c++)
              at[o]! += channels[c]! * weight.data[((u * K + v) * outputs + o) * inputs + c]!;
        }
    }),
  );
  return y;
}
