import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { mlp } from '@weightspace/architecture';
import {
  assertClose,
  compile,
  mapValues,
  ndarray,
  openOnnx,
  RandomStream,
  sameBits,
  scalar,
  tf,
  valueAndGrads,
} from '@weightspace/compute';
import type { NdArray, NdArrays, OnnxArray, Optimizer, Tensor, Tensors } from '@weightspace/compute';
import { readJson, temporaryFolder } from '@weightspace/experiment/testing';
import {
  copied,
  createOptimizer,
  createTaskFamily,
  exportUpdate,
  loadOptimizer,
  saveOptimizer,
  trainingOptimizer,
  trainInner,
} from '@weightspace/learned-optimizer';
import type { SavedOptimizer, Settings } from '@weightspace/learned-optimizer';
import { afterAll, describe, expect, test } from 'vitest';

const { folder, remove } = temporaryFolder('saved-optimizer');
afterAll(remove);
const stream = RandomStream.fromSeed(5);
const task = createTaskFamily('image-mlp', { set: 'mnist', side: 4, hidden: [6], batch: 8 }).sample(stream);
const { architecture } = task;
const provenance = { command: 'test', seed: 5, commit: null, tasks: [task.name], curve: [[1, 2.3] as const] };

function saved(name: string, kind = 'mlp-lopt', settings: Settings = { width: 4 }): string {
  const optimizer = createOptimizer(kind, architecture, settings);
  const meta = mapValues(optimizer.initialize(stream.split(name)), (array): NdArray => {
    // Larger than at the start, so that a step can be told from none.
    const noise = stream.split(name).split('noise').normal(array.shape, 0, 0.05).data;
    return ndarray(
      Float32Array.from(array.data, (x, i) => x + noise[i]!),
      array.shape,
    );
  });
  saveOptimizer(join(folder, name), { kind, settings: optimizer.settings, meta, provenance });
  return join(folder, name);
}

describe('a saved optimizer', () => {
  test('is read as it was written, by its name, its files or its folder', () => {
    const path = saved('optimizer');
    for (const given of [path, `${path}.json`, `${path}.safetensors`, folder]) {
      const found = loadOptimizer(given);
      expect(found).toMatchObject({ kind: 'mlp-lopt', settings: { width: 4, hiddenLayers: 2 }, provenance });
      expect(found.on(architecture).metaParameterCount).toBe(19 * 4 + 4 + 20 + 10);
    }
    const first = loadOptimizer(path).meta;
    saved('optimizer');
    expect(sameBits(loadOptimizer(path).meta, first)).toBe(true);
  });

  test('is refused where it is missing, damaged, or of something unknown', () => {
    const path = saved('broken');
    const [json, arrays] = [`${path}.json`, `${path}.safetensors`];
    const text = readFileSync(json, 'utf8');
    const refused = (content: string) => {
      writeFileSync(json, content);
      return expect(() => loadOptimizer(path));
    };
    const change = (changed: object) => JSON.stringify({ ...(JSON.parse(text) as object), ...changed });
    refused('{').toThrow(`${json}: expected a trained optimizer (weightspace-optimizer/1), found Expected property`);
    refused('null').toThrow('found no schema; save it with this version');
    refused(change({ schema: 'weightspace-optimizer/9' })).toThrow('found weightspace-optimizer/9');
    refused(change({ kind: undefined })).toThrow(`${json}: expected 'kind', found nothing; the file is damaged`);
    refused(change({ kind: 'velo' })).toThrow(
      `${json}: expected a kind of optimizer that is registered, found 'velo'; import the lib`,
    );
    refused(change({ settings: { width: 5, hiddenLayers: 2 } })).not.toThrow();
    expect(() => loadOptimizer(path).on(architecture)).toThrow(
      /broken.json: expected meta-parameter '.*' of mlp-lopt on .* to be \[5, 19\], found \[4, 19\]; what it was trained on/,
    );
    writeFileSync(json, text);
    saved('stranger', 'mlp-lopt', { width: 3 });
    writeFileSync(arrays, readFileSync(join(folder, 'stranger.safetensors')));
    expect(() => loadOptimizer(path)).toThrow(
      /broken.safetensors: expected meta-parameters with the hash \w+…, found \w+…/,
    );
    rmSync(arrays);
    expect(() => loadOptimizer(path)).toThrow(/found nothing; the file is damaged, or of another optimizer/);
    rmSync(json);
    expect(() => loadOptimizer(path)).toThrow(
      `${json}: expected a trained optimizer (weightspace-optimizer/1), found nothing`,
    );
    expect(existsSync(`${json}.tmp`)).toBe(false);
  });

  test('names the kind and the shapes of what it holds', () => {
    const found = readJson<{ shapes: object; sha256: string }>(`${saved('rates', 'learnable-adam', {})}.json`);
    expect(found.shapes).toEqual({ 'log rate': [], 'log(1-beta1)': [], 'log(1-beta2)': [], 'log epsilon': [] });
    expect(found.sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

/** Losses of each step, and parameters at the end. */
async function train(optimizer: Optimizer, stacked: boolean, rate = 1) {
  const drop = (arrays: NdArrays): NdArrays =>
    stacked ? arrays : mapValues(arrays, (a) => ({ ...a, shape: a.shape.slice(1) }) as NdArray);
  const whole = (tensors: Tensors): Tensors =>
    stacked ? tensors : mapValues(tensors, (x): Tensor => tf.expandDims(x, 0));
  const step = compile((params: Tensors, state: Tensors, batch: Tensors, factor: Tensor) => {
    const { value, grads } = valueAndGrads((p) => tf.sum(task.loss(whole(p), batch)), params);
    return { value, ...optimizer.update(grads, state, params, rate === 1 ? 1 : factor) };
  });
  let params = drop(task.initialize(stream.split('start'), stacked ? 2 : 1));
  let state = optimizer.init(params);
  const losses: number[] = [];
  for (let i = 0; i < 5; i++) {
    const batch = task.batch(stream.split('data').split(i), 'train', stacked ? 2 : 1);
    const made = await step(params as never, state as never, batch as never, scalar(rate) as never);
    const next = made as unknown as { readonly value: NdArray; readonly params: NdArrays; readonly state: NdArrays };
    [params, state] = [next.params, next.state];
    losses.push(next.value.data[0]!);
  }
  await step.release();
  return { losses, params, state };
}

describe('trainingOptimizer', () => {
  test.each(['mlp-lopt', 'adafac-mlp-lopt'])('%s makes the steps of an inner training', async (kind) => {
    const found = loadOptimizer(saved(kind, kind, {}));
    const common = { task, meta: copied(found.meta, 1), steps: 5, every: 5, batches: 1, stream };
    for (const stacked of [false, true]) {
      const runs = stacked ? 2 : 1;
      const curves = await trainInner({ ...common, optimizer: found.on(architecture), runs });
      const { losses, state } = await train(trainingOptimizer(found, architecture, { stacked }), stacked);
      for (const [i, loss] of losses.entries()) {
        const row = curves.losses.data.subarray(i * runs, (i + 1) * runs);
        expect(loss).toBeCloseTo(row[0]! + (row[1] ?? 0), 4);
      }
      expect(new Set(losses).size).toBe(5);
      expect([...state['step']!.data]).toEqual(Array(runs).fill(5));
    }
  });
  test('a rate scales the step', async () => {
    const optimizer = trainingOptimizer(loadOptimizer(saved('scaled')), architecture);
    const [none, half, one] = [
      await train(optimizer, false, 1e-30),
      await train(optimizer, false, 0.5),
      await train(optimizer, false),
    ];
    for (const [name, { shape, data }] of Object.entries(task.initialize(stream.split('start'), 1)))
      assertClose(none.params[name]!, ndarray(data as Float32Array, shape.slice(1)), { rtol: 0, atol: 1e-20 });
    expect(half.losses[0]).toBe(one.losses[0]);
    expect(half.losses[4]).not.toBeCloseTo(one.losses[4]!, 5);
  });
});

describe('exportUpdate', () => {
  test.each(['mlp-lopt', 'adafac-mlp-lopt', 'learnable-adam'])(
    '%s in ONNX Runtime makes our own steps',
    async (kind) => {
      const found: SavedOptimizer = loadOptimizer(saved(`onnx-${kind}`, kind, {}));
      const network = mlp({ sizes: [3, 4, 2], activation: 'relu' });
      const { bytes, state } = exportUpdate(found, network);
      const model = await openOnnx(bytes);
      const optimizer = trainingOptimizer(found, network);
      const own = compile((params: Tensors, grads: Tensors, memory: Tensors) =>
        optimizer.update(grads, memory, params, 1),
      );
      let ours = {
        params: mapValues(
          Object.fromEntries(network.parameters.map((p) => [p.name, p.shape])),
          (shape, name): NdArray => stream.split(name).normal(shape),
        ) as NdArrays,
        state,
      };
      let theirs = ours;
      const allowed = new Set(
        ['params', 'grads', 'state'].flatMap((part) => {
          const names = Object.keys(part === 'state' ? state : ours.params);
          return names.map((name) => `in.0.${part}.${name}`);
        }),
      );
      for (const { name } of model.inputs) expect(allowed.has(name), name).toBe(true);
      for (let i = 0; i < 3; i++) {
        const grads = mapValues(ours.params, ({ shape }, name): NdArray => stream.split(i).split(name).normal(shape));
        ours = (await own(ours.params as never, grads as never, ours.state as never)) as never;
        const groups = { ...theirs, grads };
        const inputs = new Map(
          Object.entries(groups).flatMap(([part, arrays]) =>
            Object.entries(arrays).map(([name, { shape, data }]) => [
              `in.0.${part}.${name}`,
              { type: 'float32', shape, data: data as Float32Array } satisfies OnnxArray,
            ]),
          ),
        );
        const taken = new Map(model.inputs.map(({ name }) => [name, inputs.get(name)!]));
        const made = await model.run(taken);
        const read = (part: string, like: NdArrays) =>
          mapValues(like, ({ shape }, name) => ndarray(made.get(`out.${part}.${name}`)!.data as Float32Array, shape));
        theirs = { params: read('params', theirs.params), state: read('state', theirs.state) };
        for (const part of ['params', 'state'] as const)
          for (const [name, array] of Object.entries(ours[part]))
            assertClose(theirs[part][name]!, array, { rtol: 1e-4, atol: 1e-6 });
      }
      await model.release();
      await own.release();
    },
  );
});
