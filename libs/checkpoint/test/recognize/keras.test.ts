import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { forward } from '@weightspace/architecture';
import { kerasLayers, loadNetwork, openCheckpoint, recognizeKeras, toCheckpoint } from '@weightspace/checkpoint';
import type { NamedTensor } from '@weightspace/checkpoint';
import { assertClose, mapValues, ndarray, RandomStream, tf, toTensor } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';
import { act, randomElement, symmetryGroup } from '@weightspace/symmetry';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'keras-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const L = tf.layers;
const sequential = (...layers: tf.layers.Layer[]) => tf.sequential({ layers });

/** Networks that TensorFlow.js builds and runs: an implementation of its own. Every size differs. */
const models: { readonly [name: string]: () => tf.LayersModel } = {
  dense: () =>
    sequential(
      L.dense({ units: 5, activation: 'elu', inputShape: [3] }),
      L.leakyReLU({ alpha: 0.2 }),
      L.dropout({ rate: 0.5 }),
      L.dense({ units: 4, activation: 'softmax' }),
      L.prelu(),
      L.dense({ units: 2, useBias: false }),
    ),
  cnn: () =>
    sequential(
      L.conv2d({
        filters: 4,
        kernelSize: [3, 2],
        strides: 2,
        padding: 'same',
        activation: 'relu',
        inputShape: [6, 7, 2],
      }),
      L.batchNormalization({ scale: false }),
      L.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, padding: 'same' }),
      L.prelu({ sharedAxes: [1, 2] }),
      L.separableConv2d({ filters: 5, kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'selu' }),
      L.zeroPadding2d({
        padding: [
          [0, 1],
          [2, 0],
        ],
      }),
      L.maxPooling2d({ poolSize: [2, 3], strides: [2, 2], padding: 'same' }),
      L.upSampling2d({ size: [2, 1] }),
      L.flatten(),
      L.layerNormalization(),
      L.dense({ units: 6, activation: 'tanh' }),
      L.dense({ units: 3 }),
    ),
  functional: () => {
    const x = tf.input({ shape: [5, 6, 2], name: 'image' });
    const a = L.conv2d({ filters: 3, kernelSize: 3, padding: 'same', name: 'block/a' }).apply(x) as tf.SymbolicTensor;
    const shared = L.conv2d({ filters: 3, kernelSize: 1, name: 'twice' });
    const b = L.add().apply([shared.apply(a) as tf.SymbolicTensor, a]) as tf.SymbolicTensor;
    const c = shared.apply(L.reLU().apply(b) as tf.SymbolicTensor) as tf.SymbolicTensor;
    const d = L.concatenate().apply([
      L.flatten().apply(c),
      L.globalAveragePooling2d({}).apply(b),
    ] as tf.SymbolicTensor[]);
    const e = L.batchNormalization().apply(d) as tf.SymbolicTensor;
    return tf.model({ inputs: x, outputs: L.dense({ units: 4 }).apply(e) as tf.SymbolicTensor });
  },
  sequence: () =>
    sequential(
      L.embedding({ inputDim: 9, outputDim: 3, inputLength: 4 }),
      L.conv1d({ filters: 5, kernelSize: 2, padding: 'same' }),
      L.lstm({ units: 4, returnSequences: true, recurrentActivation: 'sigmoid' }),
      L.bidirectional({
        layer: L.lstm({ units: 6, returnSequences: true, recurrentActivation: 'sigmoid' }) as tf.RNN,
        mergeMode: 'concat',
      }),
      L.simpleRNN({ units: 7, goBackwards: true }),
      L.dense({ units: 2 }),
    ),
  conv3d: () =>
    sequential(
      L.conv3d({ filters: 3, kernelSize: 2, padding: 'same', activation: 'relu', inputShape: [3, 4, 5, 2] }),
      L.maxPooling3d({ poolSize: [2, 2, 2] }),
      L.flatten(),
      L.dense({ units: 2 }),
    ),
};

/** Values of good size; variances are positive. */
function randomize(model: tf.LayersModel, stream: RandomStream): void {
  const weights = model.weights.map(({ shape, originalName }) => {
    const size = shape.reduce((n: number, m) => n * m!, 1);
    const fan = Math.max(1, size / (shape.at(-1) ?? 1));
    const positive = /variance|gamma/.test(originalName);
    return tf.tensor(
      Array.from({ length: size }, () => {
        const u = 2 * stream.next() - 1;
        return positive ? 1 + u / 2 : shape.length > 1 ? (1.7 * u) / Math.sqrt(fan) : u / 3;
      }),
      shape as number[],
    );
  });
  model.setWeights(weights);
}

interface Saved {
  readonly file: string;
  readonly x: NdArray;
  readonly y: NdArray;
}

/** Writes model.json and a shard, and what the model gives for an input. */
async function save(name: string): Promise<Saved> {
  const model = models[name]!();
  const stream = RandomStream.fromSeed(name.length);
  randomize(model, stream);
  const file = join(folder, `${name}.json`);
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      const { modelTopology, weightSpecs: weights, weightData } = artifacts;
      writeFileSync(join(folder, `${name}.bin`), Buffer.from(weightData as ArrayBuffer));
      writeFileSync(
        file,
        JSON.stringify({
          format: 'layers-model',
          modelTopology,
          weightsManifest: [{ paths: [`${name}.bin`], weights }],
        }),
      );
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } });
    }),
  );
  const shape = [2, ...(model.inputs[0]!.shape.slice(1) as number[])];
  const words = name === 'sequence';
  const data = Float32Array.from({ length: shape.reduce((n, m) => n * m, 1) }, () =>
    words ? stream.integer(9) : 2 * stream.next() - 1,
  );
  const y = model.predict(tf.tensor(data, shape)) as tf.Tensor;
  return {
    file,
    x: ndarray(data, words ? [...shape, 1] : shape),
    y: ndarray(Float32Array.from(y.dataSync()), y.shape),
  };
}

type Loaded = Awaited<ReturnType<typeof loadNetwork>>;

function run({ architecture }: Pick<Loaded, 'architecture'>, params: Loaded['parameters'], x: NdArray): NdArray {
  const y = tf.tidy(() => forward(architecture, mapValues(params, toTensor), toTensor(x)));
  const result = ndarray(Float32Array.from(y.dataSync()), y.shape);
  y.dispose();
  return result;
}
const allowed = ({ data }: NdArray) => ({ rtol: 1e-5, atol: 1e-5 * Math.max(...Array.from(data, Math.abs)) });

describe('recognizeKeras', () => {
  test.each(Object.keys(models))('%s computes what TensorFlow.js computes, also after a symmetry', async (name) => {
    const { file, x, y } = await save(name);
    const network = await loadNetwork(file);
    expect(network.scheme).toBe('keras');
    assertClose(run(network, network.parameters, x), y, allowed(y));
    const group = symmetryGroup(network.architecture);
    const moved = act(network.architecture, randomElement(group, RandomStream.fromSeed(3)), network.parameters);
    assertClose(run(network, moved, x), y, allowed(y));
    const kernel = network.sources.find(({ parameter }) => parameter.endsWith('weight'))!.parameter;
    expect(moved[kernel]!.data).not.toEqual(network.parameters[kernel]!.data);
    // What was moved is a checkpoint of Keras's again: read anew, it has the values that were written.
    const back = toCheckpoint(network, moved);
    const again = recognizeKeras(network.checkpoint.config, back);
    expect(again.sources).toEqual(network.sources);
  });

  test.each(Object.keys(models))('%s comes back bit by bit', async (name) => {
    const { file } = await save(name);
    const checkpoint = await openCheckpoint(file);
    const back = toCheckpoint(await loadNetwork(checkpoint));
    for (const tensor of back) {
      expect(Buffer.from(tensor.bytes()).equals(Buffer.from(checkpoint.tensor(tensor.name).bytes())), tensor.name).toBe(
        true,
      );
    }
    expect(back.map(({ name: own }) => own)).toEqual(checkpoint.tensors.map(({ name: own }) => own));
  });

  test('reads a legacy .h5', async () => {
    const network = await loadNetwork(join(import.meta.dirname, '../fixtures/legacy.h5'));
    expect(network.architecture.parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ['dense.weight', [4, 3]],
      ['dense.bias', [4]],
      ['half.weight', [2, 4]],
      ['half.bias', [2]],
    ]);
    expect(network.carried).toEqual(['optimizer_weights/Adam/iter:0']);
    network.checkpoint.close();
  });
});

const input = (shape: readonly (number | null)[], name = 'x') => ({
  class_name: 'InputLayer',
  config: { name, batch_shape: [null, ...shape] },
  name,
  inbound_nodes: [],
});
const tensor = (name: string) => ({
  class_name: '__keras_tensor__',
  config: { shape: [], keras_history: [name, 0, 0] },
});

describe('configurations of Keras 3', () => {
  const config = (inner: object) => ({
    class_name: 'Sequential',
    config: { name: 'three', layers: [input([4, 3]), inner] },
  });

  test('GRU: gates z r h, reset_after, two rows of biases', () => {
    const json = config({
      class_name: 'GRU',
      config: { name: 'gru', units: 2, reset_after: true, return_sequences: false },
    });
    const tensors: NamedTensor[] = [
      { name: 'layers/gru/cell/vars/0', shape: [3, 6] },
      { name: 'layers/gru/cell/vars/1', shape: [2, 6] },
      { name: 'layers/gru/cell/vars/2', shape: [2, 6] },
    ];
    const { architecture, sources } = recognizeKeras(json, tensors);
    const params = Object.fromEntries(
      architecture.parameters.map(({ name, shape }) => {
        const source = sources.find(({ parameter }) => parameter === name)!;
        return [name, valuesOf(source.steps, tensors.find((t) => t.name === source.tensor)!.shape, shape)];
      }),
    );
    const x = ndarray(
      Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
      [1, 4, 3],
    );
    assertClose(
      run({ architecture }, params, x),
      ndarray(Float32Array.from(kerasGru(x.data as Float32Array)), [1, 2]),
      { rtol: 1e-5, atol: 1e-6 },
    );
  });

  test('MultiHeadAttention: kernels of three axes, folders for its parts, arguments by name', () => {
    const layers = [
      input([5, 6], 'q'),
      input([4, 7], 'v'),
      {
        class_name: 'MultiHeadAttention',
        name: 'mha',
        config: { name: 'mha', num_heads: 2, key_dim: 3, value_dim: 8, use_bias: true },
        inbound_nodes: [{ args: [tensor('q')], kwargs: { value: tensor('v'), use_causal_mask: false } }],
      },
    ];
    const json = { class_name: 'Functional', config: { name: 'f', layers, output_layers: ['mha', 0, 0] } };
    const at = (part: string, kernel: number[], bias: number[]) => [
      { name: `layers/multi_head_attention/${part}/vars/0`, shape: kernel },
      { name: `layers/multi_head_attention/${part}/vars/1`, shape: bias },
    ];
    const tensors = [
      ...at('key_dense', [7, 2, 3], [2, 3]),
      ...at('output_dense', [2, 8, 6], [6]),
      ...at('query_dense', [6, 2, 3], [2, 3]),
      ...at('value_dense', [7, 2, 8], [2, 8]),
    ];
    const { architecture } = recognizeKeras(json, tensors);
    expect(Object.fromEntries(architecture.parameters.map(({ name, shape }) => [name, shape]))).toMatchObject({
      'mha.q.weight': [6, 6],
      'mha.k.weight': [6, 7],
      'mha.v.weight': [16, 7],
      'mha.o.weight': [6, 16],
    });
    // 2 heads; 3 channels of q·k and 8 of v·o in each.
    const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
    expect(symmetryGroup(architecture).log10Order).toBeCloseTo(Math.log10(2 * 6 ** 2 * factorial(8) ** 2), 9);
  });

  test('numbers folders by class where layers have other names', () => {
    const json = {
      class_name: 'Sequential',
      config: {
        name: 's',
        layers: [
          input([4]),
          { class_name: 'Dense', config: { name: 'hidden', units: 3 } },
          { class_name: 'Dense', config: { name: 'dense', units: 2 } },
        ],
      },
    };
    const tensors = [
      ['dense', 4, 3],
      ['dense_1', 3, 2],
    ].flatMap(([name, n, m]) => [
      { name: `layers/${name}/vars/0`, shape: [Number(n), Number(m)] },
      { name: `layers/${name}/vars/1`, shape: [Number(m)] },
    ]);
    const { sources } = recognizeKeras(json, tensors);
    expect(sources.map(({ tensor: own }) => own)).toEqual(tensors.map(({ name }) => name));
  });

  test.each([
    [
      { class_name: 'Attention', config: { name: 'odd' } },
      /class of layer 'odd' \(Attention\) must be one of Dense, .*, got Attention; give an architecture/,
    ],
    [
      { class_name: 'GRU', config: { name: 'odd', units: 2, reset_after: false } },
      /reset_after of layer 'odd' \(GRU\) must be true.*got false/,
    ],
    [
      { class_name: 'LSTM', config: { name: 'odd', units: 2, recurrent_activation: 'hard_sigmoid' } },
      /recurrent_activation of layer 'odd' \(LSTM\) must be sigmoid, got hard-sigmoid/,
    ],
    [
      { class_name: 'Dense', config: { name: 'odd', units: 2, activation: 'my_own' } },
      /activation of layer 'odd' \(Dense\) must be one of linear, .*, got my_own/,
    ],
    [
      { class_name: 'Dense', config: { name: 'odd', units: 2 } },
      /weight 'kernel' of layer 'odd' \(Dense\) must stand in the file once, got none of its own/,
    ],
  ])('names what it does not know: %#', (layer, message) => {
    expect(() => recognizeKeras(config(layer), [])).toThrow(message);
  });

  test('knows more than 50 layers', () => {
    expect(kerasLayers().length).toBeGreaterThan(50);
  });
});

/** Weights of the GRU in Keras's layout: value i of a tensor is cos(i + rows). */
const weight = (shape: readonly number[]) =>
  Float32Array.from({ length: shape.reduce((n, m) => n * m, 1) }, (_, i) => Math.cos(i + shape[0]!));

/** Steps done one value at a time. */
function valuesOf(
  steps: ReturnType<typeof recognizeKeras>['sources'][number]['steps'],
  from: readonly number[],
  to: readonly number[],
): NdArray {
  const values = tf.tidy(() => {
    let current: tf.Tensor = tf.tensor(weight(from), [...from]);
    for (const step of steps) {
      if ('transpose' in step) current = tf.transpose(current, [...step.transpose]);
      else if ('reshape' in step) current = tf.reshape(current, [...step.reshape]);
      else current = tf.gather(current, [...step.gather.order], step.gather.axis);
    }
    return current.dataSync();
  });
  return ndarray(Float32Array.from(values), [...to]);
}

/** Keras's own equations, for 3 channels, 2 neurons and 4 steps. */
function kerasGru(x: Float32Array): number[] {
  const [kernel, recurrent, bias] = [weight([3, 6]), weight([2, 6]), weight([2, 6])];
  const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
  let h = [0, 0];
  for (let step = 0; step < 4; step++) {
    const read = (column: number) =>
      [0, 1, 2].reduce((sum, i) => sum + x[step * 3 + i]! * kernel[i * 6 + column]!, bias[column]!);
    const kept = (column: number) =>
      [0, 1].reduce((sum, i) => sum + h[i]! * recurrent[i * 6 + column]!, bias[6 + column]!);
    h = h.map((before, j) => {
      const z = sigmoid(read(j) + kept(j));
      const r = sigmoid(read(2 + j) + kept(2 + j));
      return z * before + (1 - z) * Math.tanh(read(4 + j) + r * kept(4 + j));
    });
  }
  return h;
}
