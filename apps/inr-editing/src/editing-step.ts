/** @file The compiled halves of training an editor: one step, and pictures before and after. */
import { adamW, clipByGlobalNorm, compile, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import type { Editor } from '@weightspace/metanet';

import type { PictureEdit } from './picture-edits.ts';
import { draw } from './siren-zoo.ts';
import type { SirenZoo } from './siren-zoo.ts';

export interface StepSettings {
  readonly weightDecay: number;
  /** Global norm to which gradients are clipped. */
  readonly clip: number;
}

interface State {
  readonly params: Tensors;
  readonly optimizer: Tensors;
}
interface Batch {
  readonly weights: Tensors;
  readonly noise: Tensors;
}
export type EditStep = Compiled<[State, Tensors, Batch, Tensor], { readonly state: State; readonly loss: Tensor }>;

/** Weights with the editor's changes added. */
const edited = (editor: Editor, params: Tensors, fixed: Tensors, weights: Tensors, noise?: Tensors): Tensors => {
  const changes = editor.apply(params, fixed, weights, noise);
  return Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, tf.add(w, changes[name]!) as Tensor]));
};

/** The picture that is wanted: what the network draws, cut to [0, 1], with the edit done to it. */
const target = (zoo: SirenZoo, edit: PictureEdit, weights: Tensors): Tensor =>
  edit.apply(tf.clipByValue(draw(zoo, weights), 0, 1));

/** One step of AdamW on the mean squared error of the pictures that the changed networks draw. */
export function compileEditStep(editor: Editor, zoo: SirenZoo, edit: PictureEdit, settings: StepSettings): EditStep {
  const optimizer = adamW({ weightDecay: settings.weightDecay });
  const step = ({ params, optimizer: moments }: State, fixed: Tensors, { weights, noise }: Batch, rate: Tensor) => {
    const wanted = target(zoo, edit, weights);
    const loss = (p: Tensors) =>
      tf.mean(tf.squaredDifference(draw(zoo, edited(editor, p, fixed, weights, noise)), wanted)) as tf.Scalar;
    const { value, grads } = valueAndGrads(loss, params);
    const next = optimizer.update(clipByGlobalNorm(grads, settings.clip).grads, moments, params, rate);
    return { state: { params: next.params, optimizer: next.state }, loss: value };
  };
  return compile(step as never, { name: `${editor.kind} editing step`, recycle: true }) as unknown as EditStep;
}

export const firstMoments = (params: NdArrays): NdArrays => adamW({}).init(params);

/** Pictures of networks: as they are, as they are wanted, as the editor makes them; shape `[B, 28, 28]` each. */
export interface Pictures {
  readonly before: NdArray;
  readonly wanted: NdArray;
  readonly after: NdArray;
}
type DrawPictures = Compiled<
  [Tensors, Tensors, Tensors],
  { readonly before: Tensor; readonly wanted: Tensor; readonly after: Tensor }
>;

export const compilePictures = (editor: Editor, zoo: SirenZoo, edit: PictureEdit): DrawPictures =>
  compile(
    ((params: Tensors, fixed: Tensors, weights: Tensors) => ({
      before: draw(zoo, weights),
      wanted: target(zoo, edit, weights),
      after: draw(zoo, edited(editor, params, fixed, weights)),
    })) as never,
    { name: `${editor.kind} pictures` },
  ) as unknown as DrawPictures;
