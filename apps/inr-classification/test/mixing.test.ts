import { siren, initialize } from '@weightspace/architecture';
import { augmentationsOf, mixupOf } from '@weightspace/augmentation';
import { ndarray, RandomStream, scalar, tf } from '@weightspace/compute';
import type { NdArrays, Tensor } from '@weightspace/compute';
import { Batches, compileStep, initialState } from '@weightspace/inr-classification';
import type { ZooData } from '@weightspace/inr-classification';
import type { Metanet } from '@weightspace/metanet';
import { dwsRecipe } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

const architecture = siren({ sizes: [2, 4, 1] });
const stream = RandomStream.fromSeed(3);
const COUNT = 12;
const data: ZooData = {
  path: 'test',
  architecture,
  recipe: dwsRecipe,
  weights: initialize(architecture, stream.split('networks'), { count: COUNT }),
  labels: Int32Array.from({ length: COUNT }, (_, i) => i % 3),
  classes: ['a', 'b', 'c'],
  imageSet: undefined,
  psnr: new Float32Array(COUNT),
  train: Int32Array.from({ length: COUNT }, (_, i) => i),
  validation: new Int32Array(0),
  test: new Int32Array(0),
};
/** A linear function of the first layer's biases. */
const model: Metanet = {
  kind: 'test',
  architecture,
  outputs: 3,
  parameterCount: 12,
  initialize: (own) => ({ slope: own.split('slope').normal([4, 3]) }),
  measure: () => ({}),
  noise: () => ({}),
  apply: (params, _fixed, weights) =>
    tf.matMul(weights['layer1.bias']! as tf.Tensor2D, params['slope']! as tf.Tensor2D) as Tensor,
};
const settings = { weightDecay: 0, amsgrad: false, clip: 0, labelSmoothing: 0.1 };
const rows = Int32Array.of(3, 7, 1, 10, 5, 0);

async function lossOf(name: string): Promise<{ readonly loss: number; readonly expected: number }> {
  const mixup = mixupOf(name, { matching: 'inline' });
  const batches = new Batches(model, augmentationsOf([]), mixup, data);
  const input = { rows, stream: stream.split('step') };
  batches.prepare(input);
  const batch = await batches.of(input);
  const step = compileStep(model, augmentationsOf([]), settings, mixup);
  const params = model.initialize(stream.split('parameters'));
  const { loss } = await step(initialState(params, settings) as never, {} as never, batch as never, scalar(0.01));
  await step.release();
  await mixup.close();
  return { loss: (loss as unknown as { data: Float32Array }).data[0]!, expected: expectedLoss(batch, params) };
}

/** Of mixtures of orders alone in which biases are told apart by their partner's element. */
function expectedLoss(batch: Awaited<ReturnType<Batches['of']>>, params: NdArrays): number {
  const { mixing, weights } = batch;
  const biases = weights['layer1.bias']!.data;
  const order = mixing['element/h1.permutation']?.data;
  let sum = 0;
  for (let b = 0; b < rows.length; b++) {
    const [alpha, share, partner] = [mixing['alpha']!, mixing['label-share']!, mixing['partner']!].map(
      (array) => array.data[b]!,
    ) as [number, number, number];
    const mixed = Array.from({ length: 4 }, (_, i) => {
      const other = biases[partner * 4 + (order?.[b * 4 + i] ?? i)]!;
      return alpha * biases[b * 4 + i]! + (1 - alpha) * other;
    });
    const logits = [0, 1, 2].map((k) => mixed.reduce((s, x, i) => s + x * params['slope']!.data[i * 3 + k]!, 0));
    const total = Math.log(logits.reduce((s, x) => s + Math.exp(x), 0));
    const target = (network: number, k: number) => (data.labels[rows[network]!] === k ? 0.9 : 0) + 0.1 / 3;
    logits.forEach((x, k) => (sum -= (share * target(b, k) + (1 - share) * target(partner, k)) * (x - total)));
  }
  return sum / rows.length;
}

describe('a step on mixed networks', () => {
  test.each(['mixup', 'mixup-permuted', 'mixup-aligned', 'mixup-weights-only'])(
    'has the loss of smoothed labels that are mixed as %s says',
    async (name) => {
      const { loss, expected } = await lossOf(name);
      expect(loss).toBeCloseTo(expected, 5);
    },
  );
  test('prepares the same batch ahead as on demand', async () => {
    const mixup = mixupOf('mixup-aligned', { matching: 'inline' });
    const batches = new Batches(model, augmentationsOf(['sign']), mixup, data);
    const input = { rows, stream: stream.split('step') };
    const demanded = await batches.of({ rows: rows.slice(), stream: stream.split('step') });
    batches.prepare(input);
    expect(await batches.of(input)).toEqual(demanded);
    await mixup.close();
  });
  test('reports a failed preparation in the step that wanted it, and not before', async () => {
    const broken = { ...mixupOf('mixup'), prepare: () => Promise.reject(new Error('no pairs')) };
    const batches = new Batches(model, augmentationsOf([]), broken, data);
    const input = { rows, stream };
    batches.prepare(input);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(batches.of(input)).rejects.toThrow('no pairs');
  });
  test('without a mixup is that of single networks', async () => {
    const batch = await new Batches(model, augmentationsOf([]), undefined, data).of({ rows, stream });
    expect(batch.mixing).toEqual({});
    expect(batch.labels).toEqual(
      ndarray(
        Int32Array.from(rows, (row) => row % 3),
        [6],
      ),
    );
  });
});
