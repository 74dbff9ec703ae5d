/** @file Learning embeddings without labels, and reading from them. */
import type { Augmentation } from '@weightspace/augmentation';
import { ndarray, scalar } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';
import { trainLoop } from '@weightspace/experiment';
import type { LoopResult, LoopSettings, Progress, Stage } from '@weightspace/experiment';
import type { Metanet } from '@weightspace/metanet';

import { compileContrastiveStep, compileEmbed, firstMoments, projectorParameters } from './contrastive.ts';
import type { ContrastiveSettings } from './contrastive.ts';
import { classificationProbe, neighbourProbe, regressionProbe } from './linear-probe.ts';
import type { Embedded } from './linear-probe.ts';
import { refitsOf, weightsOf } from './zoo-data.ts';
import type { EmbeddingData } from './zoo-data.ts';

export interface EmbeddingSettings extends LoopSettings, ContrastiveSettings {
  /** Second views: `augmented` copies of the same network, or of one of its `refits`, networks that were fitted to the same. */
  readonly views: string;
}

export interface EmbeddingHooks {
  readonly log: (metrics: { readonly [name: string]: number }, step: number) => void;
  readonly progress: (total: number, done: number) => Progress;
}

export interface EmbeddingResult {
  readonly metrics: { readonly [name: string]: number };
  readonly curve: LoopResult['curve'];
}

export async function trainEmbedding(
  stage: Stage,
  model: Metanet,
  augmentation: Augmentation,
  data: EmbeddingData,
  settings: EmbeddingSettings,
  stream: RandomStream,
  hooks: EmbeddingHooks,
): Promise<{ readonly json: EmbeddingResult; readonly arrays: NdArrays }> {
  const fixed = model.measure(weightsOf(data, data.train), stream.split('fixed'));
  const step = compileContrastiveStep(model, augmentation, settings);
  const refits = settings.views === 'refits' ? refitsOf(data) : undefined;
  const second = (rows: Int32Array, own: RandomStream): Int32Array =>
    refits === undefined ? rows : rows.map((row) => pick(refits.get(row)!, own));
  // Of networks that were fitted to the same, one is in a batch at a time.
  const rows = refits === undefined ? data.train : data.train.filter((row) => refits.get(row)!.every((o) => o > row));
  const done = await trainLoop({
    stage,
    settings,
    rows,
    stream,
    start: () => {
      const params = {
        ...model.initialize(stream.split('parameters')),
        ...projectorParameters(model.outputs, stream.split('projector')),
      };
      return { params, optimizer: firstMoments(params) };
    },
    step: async (state, chosen, own, rate) => {
      const draw = (view: string) => augmentation.draw(model.architecture, chosen.length, own.split(view));
      const noise = ['first', 'second'].map((view) => model.noise(chosen.length, own.split('noise').split(view)));
      const members = [chosen, second(chosen, own.split('refit'))];
      const weights = members.map((networks) => weightsOf(data, networks));
      const batch = { weights, first: draw('first'), second: draw('second'), noise };
      const result = await step(state as never, fixed as never, batch as never, scalar(rate));
      const metrics = { loss: result.loss.data[0]!, accuracy: result.accuracy.data[0]! };
      return { state: result.state as never, metrics };
    },
    ...hooks,
  });
  await step.release();
  const params = done.state['params']!;
  const [embedded, before] = [
    await embed(model, params, fixed, data),
    await embed(model, model.initialize(stream.split('parameters')), fixed, data),
  ];
  const untrained = Object.entries(await probe(before, data)).map(([name, v]) => [`${name}-untrained`, v]);
  const metrics = {
    ...(await probe(embedded, data)),
    ...(Object.fromEntries(untrained) as { [name: string]: number }),
    'step-seconds': done.stepSeconds,
    parameters: model.parameterCount,
  };
  return { json: { metrics, curve: done.curve }, arrays: { test: embedded.test } };
}

const pick = (choices: readonly number[], stream: RandomStream): number => choices[stream.integer(choices.length)]!;

const EMBEDDING_BATCH = 50;

/** Embeddings of the training and of the test networks. */
export async function embed(model: Metanet, params: NdArrays, fixed: NdArrays, data: EmbeddingData): Promise<Embedded> {
  const run = compileEmbed(model);
  const of = async (rows: Int32Array): Promise<NdArray> => {
    const all = new Float32Array(rows.length * model.outputs);
    for (let from = 0; from < rows.length; from += EMBEDDING_BATCH) {
      const members = Int32Array.from(
        { length: EMBEDDING_BATCH },
        (_, i) => rows[Math.min(from + i, rows.length - 1)]!,
      );
      const { data: values } = await run(params as never, fixed as never, weightsOf(data, members) as never);
      const count = Math.min(EMBEDDING_BATCH, rows.length - from);
      all.set((values as Float32Array).subarray(0, count * model.outputs), from * model.outputs);
    }
    return ndarray(all, [rows.length, model.outputs]);
  };
  const embedded = { train: await of(data.train), test: await of(data.test) };
  await run.release();
  return embedded;
}

/** What a linear probe reads: accuracy of whole numbers, mean squared error of others, and the mean of those. */
async function probe(embedded: Embedded, data: EmbeddingData): Promise<{ [name: string]: number }> {
  const metrics: { [name: string]: number } = {};
  const at = (values: NdArray, rows: Int32Array) => Array.from(rows, (row) => values.data[row]!);
  const continuous = Object.entries(data.targets).filter(([, { dtype }]) => dtype === 'float32');
  for (const [name, values] of Object.entries(data.targets)) {
    if (values.dtype === 'float32') continue;
    const [train, test] = [at(values, data.train), at(values, data.test)].map((v) => Int32Array.from(v));
    const classes = Math.max(...train!, ...test!) + 1;
    metrics[`test/accuracy-${name}`] = await classificationProbe(embedded, { train: train!, test: test! }, classes);
  }
  if (continuous.length === 0) return metrics;
  const values = Object.fromEntries(
    continuous.map(([name, v]) => [name, { train: at(v, data.train), test: at(v, data.test) }]),
  );
  const mean = (errors: { readonly [name: string]: number }) =>
    Object.values(errors).reduce((sum, v) => sum + v, 0) / continuous.length;
  const [linear, near] = [regressionProbe(embedded, values), neighbourProbe(embedded, values)];
  for (const [name, error] of Object.entries(linear)) metrics[`test/mse-${name}`] = error;
  for (const [name, error] of Object.entries(near)) metrics[`test/neighbour-mse-${name}`] = error;
  metrics['test/mse'] = mean(linear);
  metrics['test/neighbour-mse'] = mean(near);
  return metrics;
}
