/** @file Training one editor, and measuring it on the test split. */
import { scalar, takeRows } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';
import { trainLoop } from '@weightspace/experiment';
import type { LoopResult, LoopSettings, Progress, Stage } from '@weightspace/experiment';
import type { Editor } from '@weightspace/metanet';

import { compileEditStep, compilePictures, firstMoments } from './editing-step.ts';
import type { Pictures, StepSettings } from './editing-step.ts';
import type { PictureEdit } from './picture-edits.ts';
import { SIDE, weightsOf } from './siren-zoo.ts';
import type { SirenZoo } from './siren-zoo.ts';

export interface EditingSettings extends LoopSettings, StepSettings {
  /** Epochs between two looks at the test split. */
  readonly evaluateEvery: number;
}

export interface EditingHooks {
  readonly log: (metrics: { readonly [name: string]: number }, step: number) => void;
  readonly progress: (total: number, done: number) => Progress;
}

/** Plain numbers that a finished training leaves. Errors are mean squares of grey values in [0, 1]. */
export interface EditingResult {
  readonly metrics: { readonly [name: string]: number };
  readonly curve: LoopResult['curve'];
}

/** A trained editor's parameters and fixed values. */
export interface TrainedEditor {
  readonly params: NdArrays;
  readonly fixed: NdArrays;
}

export async function trainEditor(
  stage: Stage,
  editor: Editor,
  zoo: SirenZoo,
  edit: PictureEdit,
  settings: EditingSettings,
  stream: RandomStream,
  hooks: EditingHooks,
): Promise<{ readonly json: EditingResult; readonly trained: TrainedEditor }> {
  const fixed = editor.measure(weightsOf(zoo, zoo.train), stream.split('fixed'));
  const step = compileEditStep(editor, zoo, edit, settings);
  const measure = async (params: NdArrays) =>
    errorsOf(await picturesOf(editor, zoo, edit, { params, fixed }, zoo.test));
  const done = await trainLoop({
    stage,
    settings,
    rows: zoo.train,
    stream,
    start: () => {
      const params = editor.initialize(stream.split('parameters'));
      return { params, optimizer: firstMoments(params) };
    },
    step: async (state, rows, own, rate) => {
      const batch = { weights: weightsOf(zoo, rows), noise: editor.noise(rows.length, own.split('noise')) };
      const result = await step(state as never, fixed as never, batch as never, scalar(rate));
      return { state: result.state as never, metrics: { loss: result.loss.data[0]! } };
    },
    evaluate: async (state, epoch) =>
      epoch % settings.evaluateEvery === 0 || epoch === settings.epochs ? measure(state['params']!) : {},
    ...hooks,
  });
  await step.release();
  const { params } = done.state as { readonly params: NdArrays };
  const metrics = { ...(await measure(params)), 'step-seconds': done.stepSeconds, parameters: editor.parameterCount };
  return { json: { metrics, curve: done.curve }, trained: { params, fixed } };
}

/** Mean squared errors of what is drawn after the change, and of leaving the networks as they are. */
export function errorsOf({ before, wanted, after }: Pictures): { readonly [name: string]: number } {
  const between = (a: NdArray, b: NdArray): number =>
    Array.from(a.data).reduce((sum, v, i) => sum + (v - b.data[i]!) ** 2, 0) / a.data.length;
  const [mse, unchanged] = [between(after, wanted), between(before, wanted)];
  return { 'test/mse': mse, 'test/mse-unchanged': unchanged, 'test/mse-ratio': mse / unchanged };
}

const PICTURE_BATCH = 50;

/** Pictures of some networks, by batches of one size; the last one is filled up. */
export async function picturesOf(
  editor: Editor,
  zoo: SirenZoo,
  edit: PictureEdit,
  { params, fixed }: TrainedEditor,
  rows: Int32Array,
): Promise<Pictures> {
  const drawn = compilePictures(editor, zoo, edit);
  const all = new Map(
    (['before', 'wanted', 'after'] as const).map((name) => [name, new Float32Array(rows.length * SIDE * SIDE)]),
  );
  for (let from = 0; from < rows.length; from += PICTURE_BATCH) {
    const members = Int32Array.from({ length: PICTURE_BATCH }, (_, i) => rows[Math.min(from + i, rows.length - 1)]!);
    const result = await drawn(params as never, fixed as never, weightsOf(zoo, members) as never);
    const count = Math.min(PICTURE_BATCH, rows.length - from);
    for (const [name, data] of all) {
      const part = takeRows(
        result[name],
        Int32Array.from({ length: count }, (_, i) => i),
      );
      data.set(part.data as Float32Array, from * SIDE * SIDE);
    }
  }
  await drawn.release();
  const array = (name: 'before' | 'wanted' | 'after'): NdArray => ({
    dtype: 'float32',
    shape: [rows.length, SIDE, SIDE],
    data: all.get(name)!,
  });
  return { before: array('before'), wanted: array('wanted'), after: array('after') };
}
