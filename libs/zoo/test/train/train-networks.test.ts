import {
  cnn,
  deepSets,
  defineArchitecture,
  forwardStacked,
  mlp,
  resnet,
  rnn,
  transformer,
  vit,
} from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { compile, mapValues, ndarray, RandomStream, rows } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { optimizers, standardRun, trainNetworks } from '@weightspace/zoo';
import type { Examples, TrainOptions, TrainRun, TrainedCheckpoint } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

/** Patterns, one for each class, in noise. */
function examplesFor(architecture: Architecture, count: number, label: string): Examples {
  const [input] = architecture.spec.inputs;
  const classes = architecture.values.find(({ name }) => name === architecture.spec.output)!.size;
  const shape = [...(input!.positions ?? []), input!.size];
  const size = shape.reduce((n, m) => n * m, 1);
  const stream = RandomStream.fromSeed(9);
  const patterns = stream.split('patterns').normal([classes, size]).data;
  const noise = stream.split(label).normal([count, size]).data;
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const { indices } = input!;
  const data = noise.map((z, at) => {
    const value = patterns[labels[Math.floor(at / size)]! * size + (at % size)]! + 0.5 * z;
    return indices === undefined ? value : Math.min(indices - 1, Math.max(0, Math.round(indices / 2 + value)));
  });
  return { inputs: ndarray(data, [count, ...shape]), labels: ndarray(labels, [count]) };
}

const images = { positions: [8, 8], size: 1 };
const small = cnn({ input: images, features: [4, 6], stride: 2, outputs: 3 });
const optionsFor = (architecture: Architecture, runs: readonly TrainRun[], more: Partial<TrainOptions> = {}) => ({
  architecture,
  runs,
  data: { train: examplesFor(architecture, 96, 'train'), test: examplesFor(architecture, 60, 'test') },
  epochs: 3,
  batch: 16,
  ...more,
});
const run = (seed: number, more: Partial<TrainRun> = {}): TrainRun => ({
  ...standardRun,
  seed,
  learningRate: 1e-2,
  ...more,
});
const network = (parameters: NdArrays, n: number): NdArrays => mapValues(parameters, (p) => rows(p, n, n + 1));
const farthest = (a: NdArrays, b: NdArrays): number =>
  Math.max(
    ...Object.keys(a).map((name) =>
      Array.from(a[name]!.data).reduce((most, v, i) => Math.max(most, Math.abs(v - b[name]!.data[i]!)), 0),
    ),
  );
const last = (checkpoints: readonly TrainedCheckpoint[]): TrainedCheckpoint => checkpoints.at(-1)!;

const varied: readonly TrainRun[] = [
  run(1),
  run(2, { optimizer: 'sgd', learningRate: 0.1, dropout: 0.3 }),
  run(3, { optimizer: 'momentum', learningRate: 0.03, l2: 1e-3, trainShare: 0.5 }),
  run(4, { optimizer: 'rmsprop', learningRate: 3e-3, labelNoise: 0.2, augmentation: 'shift-flip' }),
  run(5, { optimizer: 'adagrad', weightDecay: 0.1, clipNorm: 0.5, schedule: 'cosine' }),
  run(6, { initialization: 'orthogonal', initScale: 2, augmentation: 'flip' }),
];

describe('trainNetworks', () => {
  test('a run alone ends as in company, whatever its settings', async () => {
    const all = last(await trainNetworks(optionsFor(small, varied, { stack: 6 })));
    for (const [n, one] of varied.entries()) {
      const alone = last(await trainNetworks(optionsFor(small, [one])));
      expect(farthest(network(all.parameters, n), alone.parameters), JSON.stringify(one)).toBeLessThan(1e-6);
      expect(alone.testAccuracy.data[0]).toBe(all.testAccuracy.data[n]);
      expect(all.steps.data[n]).toBe(one.trainShare === 1 ? 18 : 9);
    }
  });

  test('gives the same bits again, in stacks of whatever order', async () => {
    const [first, second] = [
      last(await trainNetworks(optionsFor(small, varied, { stack: 3 }))),
      last(await trainNetworks(optionsFor(small, varied, { stack: 3 }))),
    ];
    expect(second.parameters).toEqual(first.parameters);
    const turned = last(await trainNetworks(optionsFor(small, [...varied].reverse(), { stack: 2 })));
    varied.forEach((_, n) =>
      expect(farthest(network(turned.parameters, varied.length - 1 - n), network(first.parameters, n))).toBeLessThan(
        1e-4,
      ),
    );
  });

  test.each(optimizers)('learns by %s', async (optimizer) => {
    const learningRate = { sgd: 0.3, momentum: 0.05, adam: 0.02, rmsprop: 0.01, adagrad: 0.1 }[optimizer];
    const [start, end] = await trainNetworks(
      optionsFor(small, [run(1, { optimizer, learningRate })], { checkpoints: [0, 8], epochs: 8 }),
    );
    expect(end!.trainLoss.data[0]!).toBeLessThan(0.7 * start!.trainLoss.data[0]!);
    expect(end!.testAccuracy.data[0]!).toBeGreaterThan(0.6);
  });

  test('keeps each checkpoint, with what was measured at it', async () => {
    const validation = examplesFor(small, 30, 'validation');
    const options = optionsFor(small, [run(1), run(2, { trainShare: 0.5 })], { checkpoints: [0, 1, 3] });
    const kept = await trainNetworks({ ...options, data: { ...options.data, validation } });
    expect(kept.map(({ epoch }) => epoch)).toEqual([0, 1, 3]);
    expect(kept.map(({ steps }) => [...steps.data])).toEqual([
      [0, 0],
      [6, 3],
      [18, 9],
    ]);
    const early = last(await trainNetworks({ ...options, epochs: 1, checkpoints: [1] }));
    expect(farthest(early.parameters, kept[1]!.parameters)).toBeLessThan(1e-5);
    for (const { parameters, validationAccuracy, validationLoss } of kept) {
      const { accuracy, loss } = await slowScores(small, parameters, validation);
      accuracy.forEach((share, n) => expect(validationAccuracy.data[n]).toBeCloseTo(share, 6));
      loss.forEach((nats, n) => expect(validationLoss.data[n]).toBeCloseTo(nats, 4));
    }
  });

  test('a run that diverges disturbs no other, stays as it was when it was last finite, and says so', async () => {
    const wild = run(7, { optimizer: 'sgd', learningRate: 1e12 });
    const runs = [run(1), wild, run(3)];
    const kept = await trainNetworks(optionsFor(small, runs, { checkpoints: [0, 1, 2, 3], stack: 3 }));
    const calm = await trainNetworks(optionsFor(small, [run(1), run(3)], { checkpoints: [0, 1, 2, 3] }));
    for (const [i, { parameters, diverged, epochs, trainLoss }] of kept.entries()) {
      expect([...diverged.data]).toEqual([0, i === 0 ? 0 : 1, 0]);
      expect([...epochs.data]).toEqual([i, 0, i]);
      expect(farthest(network(parameters, 1), network(kept[0]!.parameters, 1))).toBe(0);
      expect(farthest(network(parameters, 0), network(calm[i]!.parameters, 0))).toBeLessThan(1e-4);
      expect(farthest(network(parameters, 2), network(calm[i]!.parameters, 1))).toBeLessThan(1e-4);
      expect([...trainLoss.data].every(Number.isFinite)).toBe(true);
    }
    // Without a checkpoint before, its start is what was last finite.
    const alone = last(await trainNetworks(optionsFor(small, [wild])));
    expect(farthest(alone.parameters, network(kept[0]!.parameters, 1))).toBe(0);
    expect([alone.diverged.data[0], alone.epochs.data[0], alone.steps.data[0]]).toEqual([1, 0, 0]);
  });

  test('label noise shows in training, not in the labels that are measured', async () => {
    const runs = [run(1, { learningRate: 0.02 }), run(1, { learningRate: 0.02, labelNoise: 1 })];
    const { trainAccuracy } = last(await trainNetworks(optionsFor(small, runs, { epochs: 10 })));
    expect(trainAccuracy.data[0]!).toBeGreaterThan(0.9);
    expect(trainAccuracy.data[1]!).toBeLessThan(0.2); // All labels are wrong ones.
  });

  test('learns numbers where there are targets', async () => {
    const line = mlp({ sizes: [2, 8, 1], activation: 'tanh' });
    const stream = RandomStream.fromSeed(3);
    const part = (label: string): Examples => {
      const inputs = stream.split(label).normal([64, 2]);
      const y = Float32Array.from({ length: 64 }, (_, i) => Math.sin(inputs.data[2 * i]! + inputs.data[2 * i + 1]!));
      return { inputs, targets: ndarray(y, [64, 1]) };
    };
    const [start, end] = await trainNetworks({
      ...optionsFor(line, [run(1, { learningRate: 0.03 })]),
      data: { train: part('train'), test: part('test') },
      epochs: 40,
      checkpoints: [0, 40],
    });
    expect(end!.testLoss.data[0]!).toBeLessThan(0.3 * start!.testLoss.data[0]!);
    expect(end!.testAccuracy.data[0]).toBeNaN();
  });

  test('a run alone has the bits of company of its kind; fast, it needn’t', async () => {
    const runs = [1, 2, 3].map((seed) => run(seed, { dropout: 0.2 }));
    const all = last(await trainNetworks(optionsFor(small, runs)));
    const alone = last(await trainNetworks(optionsFor(small, runs.slice(2))));
    expect(farthest(network(all.parameters, 2), alone.parameters)).toBe(0);
    const fast = last(await trainNetworks(optionsFor(small, runs.slice(2), { alone: 'fast' })));
    expect(farthest(network(all.parameters, 2), fast.parameters)).toBeLessThan(1e-4);
  });

  test('learns a class for each position', async () => {
    const tagger = transformer({
      tokens: 4,
      vocabulary: 6,
      width: 8,
      depth: 1,
      heads: 2,
      hidden: 8,
      pool: 'none',
      outputs: 2,
    });
    const part = (label: string): Examples => {
      const inputs = ndarray(
        RandomStream.fromSeed(1).split(label).uniform([96, 4], 0, 5.99).data.map(Math.floor),
        [96, 4, 1],
      );
      return {
        inputs,
        labels: ndarray(
          Int32Array.from(inputs.data, (word) => word % 2),
          [96, 4],
        ),
      };
    };
    const { testAccuracy } = last(
      await trainNetworks({
        ...optionsFor(tagger, [run(1, { learningRate: 0.03 })]),
        data: { train: part('train'), test: part('test') },
        epochs: 5,
      }),
    );
    expect(testAccuracy.data[0]!).toBeGreaterThan(0.95);
  });

  test('tells how far it is', async () => {
    const seen: number[] = [];
    const runs = [run(1), run(2, { trainShare: 0.5 }), run(3)];
    await trainNetworks(
      optionsFor(small, runs, {
        stack: 2,
        onProgress: ({ networkSteps, totalNetworkSteps }) => void seen.push(networkSteps / totalNetworkSteps),
      }),
    );
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });

  test('makes no network of no run', async () => {
    const [only] = await trainNetworks(optionsFor(small, []));
    expect(only!.parameters['conv1.weight']!.shape).toEqual([0, 4, 1, 3, 3]);
  });
});

describe('trainNetworks trains', () => {
  test.each<readonly [string, Architecture]>([
    ['a CNN with batch norms', cnn({ input: images, features: [4, 'max', 5], norm: 'batch-norm', outputs: 3 })],
    ['a CNN with layer norms', cnn({ input: images, features: [4, 'average', 5], norm: 'layer-norm', outputs: 3 })],
    [
      'a CNN in one dimension',
      cnn({ input: { positions: [12], size: 2 }, features: [4, 5], norm: 'layer-norm', outputs: 3 }),
    ],
    ['a ResNet', resnet({ blocks: [1, 1], channels: [4, 6], stem: 'cifar', positions: [8, 8], size: 1, outputs: 3 })],
    ['a Deep-Sets network', deepSets({ size: 3, elements: 5, channels: [6, 7], hidden: [5], outputs: 3 })],
    [
      'a vision transformer',
      vit({ positions: [8, 8], size: 1, patch: 4, width: 8, depth: 1, heads: 2, hidden: 12, outputs: 3 }),
    ],
    ['an MLP', mlp({ sizes: [6, 8, 7, 3] })],
    ['an RNN', rnn({ cell: 'rnn', size: 3, steps: 5, hidden: [6], outputs: 3 })],
    ['an LSTM', rnn({ cell: 'lstm', size: 3, steps: 5, hidden: [6], outputs: 3 })],
    ['a GRU', rnn({ cell: 'gru', size: 3, steps: 5, hidden: [6], outputs: 3 })],
  ])('%s, alone as in company, with dropout', async (_, architecture) => {
    const runs = [
      run(1, { clipNorm: 5 }),
      run(2, { optimizer: 'sgd', learningRate: 0.05, dropout: 0.25 }),
      run(3, { optimizer: 'rmsprop', learningRate: 3e-3 }),
    ];
    const options = optionsFor(architecture, runs, { epochs: 4, checkpoints: [0, 4] });
    const [start, end] = await trainNetworks(options);
    const alone = last(await trainNetworks({ ...options, runs: runs.slice(1, 2) }));
    expect(farthest(network(end!.parameters, 1), alone.parameters)).toBe(0);
    for (const n of [0, 2]) expect(end!.trainLoss.data[n]!).toBeLessThan(0.95 * start!.trainLoss.data[n]!);
    expect([...end!.diverged.data]).toEqual([0, 0, 0]);
  });

  test('batch norms to statistics with which a network does as well when it is run', async () => {
    const architecture = cnn({ input: images, features: [4, 5], norm: 'batch-norm', outputs: 3 });
    const { parameters, trainAccuracy } = last(await trainNetworks(optionsFor(architecture, [run(1)], { epochs: 8 })));
    expect(trainAccuracy.data[0]!).toBeGreaterThan(0.8);
    expect(parameters['norm1.running_mean']!.data.some((mean) => Math.abs(mean) > 1e-3)).toBe(true);
    expect(parameters['norm1.running_var']!.data.every((variance) => variance > 0 && variance !== 1)).toBe(true);
  });
});

/** Loss and accuracy by loops over the outputs. */
async function slowScores(architecture: Architecture, parameters: NdArrays, { inputs, labels }: Examples) {
  const forward = compile((p: Tensors, x: Tensor) => forwardStacked(architecture, p, x), { threads: 1 });
  const outputs = (await forward(parameters as never, inputs as never)) as unknown as NdArray;
  const [N, P, O] = outputs.shape as [number, number, number];
  const each = Array.from({ length: N }, (_, n) => {
    let [loss, right] = [0, 0];
    for (let p = 0; p < P; p++) {
      const logits = [...outputs.data.subarray((n * P + p) * O, (n * P + p + 1) * O)];
      const label = labels!.data[p]!;
      loss += Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[label]!;
      right += Number(Math.max(...logits) === logits[label]);
    }
    return { loss: loss / P, accuracy: right / P };
  });
  return { loss: each.map(({ loss }) => loss), accuracy: each.map(({ accuracy }) => accuracy) };
}

describe('trainNetworks refuses', () => {
  const good = optionsFor(small, [run(1)]);
  const { train, test: tested } = good.data;
  const cases: readonly (readonly [string, Partial<TrainOptions>])[] = [
    ['runs[1].dropout must be a number in [0, 1), got 1', { runs: [run(1), run(2, { dropout: 1 })] }],
    [
      'runs[0].optimizer must be one of sgd, momentum, adam, rmsprop, adagrad, got "adm"',
      { runs: [run(1, { optimizer: 'adm' as 'adam' })] },
    ],
    ['runs[0].learningRate must be a number ≥ 0, got null', { runs: [run(1, { learningRate: NaN })] }],
    [
      'runs[0].trainShare must be at least a batch of 16 of the 96 examples, got 0.1',
      { runs: [run(1, { trainShare: 0.1 })] },
    ],
    ['batch must be a whole number ≥ 1, got 0', { batch: 0 }],
    ['checkpoints must be rising whole numbers from 0 to 3, got [1, 4]', { checkpoints: [1, 4] }],
    ['checkpoints must be rising whole numbers from 0 to 3, got []', { checkpoints: [] }],
    [
      'data.test.inputs must be of shape [n, 8, 8, 1], n ≥ 1, got [60, 64]',
      { data: { train, test: { ...tested, inputs: { ...tested.inputs, shape: [60, 64] } } } },
    ],
    ['data.test must be examples with labels alone, got inputs', { data: { train, test: { inputs: tested.inputs } } }],
    [
      'data.test.labels must be of shape [60], got [96]',
      { data: { train, test: { inputs: tested.inputs, labels: train.labels! } } },
    ],
    [
      'data.test.labels[2] must be a class from 0 to 2, got 7',
      {
        data: {
          train,
          test: {
            inputs: tested.inputs,
            labels: ndarray(
              tested.labels!.data.map((l, i) => (i === 2 ? 7 : l)),
              [60],
            ),
          },
        },
      },
    ],
  ];
  test.each(cases)('%s', async (message, more) => {
    await expect(trainNetworks({ ...good, ...more })).rejects.toThrow(`trainNetworks: ${message}`);
  });

  test('augmentation of what is no image, and an architecture of two inputs', async () => {
    const plain = mlp({ sizes: [6, 4, 3] });
    await expect(trainNetworks(optionsFor(plain, [run(1, { augmentation: 'flip' })]))).rejects.toThrow(
      "runs[0].augmentation must be 'none' where inputs aren't images, got flip",
    );
    const two = defineArchitecture({
      ...plain.spec,
      inputs: [...plain.spec.inputs, { name: 'z', size: 2 }],
      layers: [...plain.spec.layers, { name: 'more', kind: 'linear', inputs: ['z'], output: 'w', size: 3 } as never],
    });
    await expect(trainNetworks({ ...good, architecture: two })).rejects.toThrow(
      'architecture must be one of a single input, got 2 inputs',
    );
  });
});
