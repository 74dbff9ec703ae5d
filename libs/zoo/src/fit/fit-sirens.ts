/** @file Fitting SIRENs to images, many at once. */
import { compile, ndarray, scalar, sizeOf, tf } from '@weightspace/compute';
import type { Compiled, NdArray, NdArrays, Tensor } from '@weightspace/compute';
import { adam } from '@weightspace/compute';

import { renderOnGrid, sirenShapes } from './grid-siren.ts';
import type { GridSiren } from './grid-siren.ts';
import { sirenRate } from './siren-recipe.ts';
import type { SirenRecipe } from './siren-recipe.ts';

/** Networks that one graph fits: few enough for the cache, enough to pay for a step's fixed cost. */
export const FIT_GROUP = 8;

export interface FitResult {
  /** By the architecture's names; `[N, …shape]`. */
  readonly parameters: NdArrays;
  /** Mean squared error in units of the fitted range at the end; `[N]`. */
  readonly loss: NdArray<'float32'>;
  /** Peak signal-to-noise ratio in dB, for a range of grey values of 1; `[N]`. */
  readonly psnr: NdArray<'float32'>;
}

export interface FitOptions {
  readonly threads?: number;
  /** Called after each finished group with the number of networks done. */
  readonly onProgress?: (done: number) => void;
}

interface FitState {
  readonly flat: Tensor;
  readonly optimizer: { readonly [name: string]: Tensor };
}

/**
 * Fits one SIREN to each image by Adam on the mean squared error over all pixels.
 *
 * A network's result depends on its image, its start and the recipe alone, not on who else is in the group:
 * every operation works on each network by itself.
 *
 * @param images grey values in [0, 1]; shape `[N, rows, columns]`
 * @param start initial parameters by name, `[N, …shape]`, in the architecture's order
 */
export async function fitSirens(
  images: NdArray,
  start: NdArrays,
  recipe: SirenRecipe,
  options: FitOptions = {},
): Promise<FitResult> {
  const [count, rows, columns] = images.shape as [number, number, number];
  const names = Object.keys(start);
  const shapes = sirenShapes(recipe.sizes);
  const flat = pack(start, count);
  const width = flat.shape[1]!;
  const loss = new Float32Array(count);
  const targets = toRange(images, recipe);
  const siren = { ...recipe, rows, columns };
  const step = compileStep(siren, recipe, options.threads);
  const error = compile((p: Tensor, y: Tensor) => meanSquaredError(renderOnGrid(p, siren), y), {
    ...threadsOf(options),
    name: 'siren-error',
  });
  for (let from = 0; from < count; from += FIT_GROUP) {
    const group = await fitGroup(step, error as never, flat, targets, from, recipe);
    flat.data.set(group.flat.subarray(0, Math.min(FIT_GROUP, count - from) * width), from * width);
    loss.set(group.loss.subarray(0, Math.min(FIT_GROUP, count - from)), from);
    options.onProgress?.(Math.min(from + FIT_GROUP, count));
  }
  await step.release();
  await error.release();
  return { parameters: unpack(flat, names, shapes), loss: ndarray(loss, [count]), psnr: psnrOf(loss, recipe) };
}

const threadsOf = ({ threads }: FitOptions) => (threads === undefined ? {} : { threads });

const meanSquaredError = (y_nop: Tensor, target_np: Tensor): Tensor =>
  tf.mean(tf.square(tf.sub(tf.reshape(y_nop, target_np.shape), target_np)), 1);

function compileStep(siren: GridSiren, recipe: SirenRecipe, threads?: number) {
  const optimizer = adam({ beta1: recipe.beta1, beta2: recipe.beta2 });
  const step = (state: FitState, target_np: Tensor, rate: tf.Scalar): FitState => {
    // The sum over networks: each network's gradient is that of its own mean squared error.
    const loss = (flat: Tensor) => tf.sum(meanSquaredError(renderOnGrid(flat, siren), target_np)) as tf.Scalar;
    const gradient = tf.grad(loss as (x: Tensor) => Tensor)(state.flat);
    const next = optimizer.update({ flat: gradient }, state.optimizer, { flat: state.flat }, rate);
    return { flat: next.params['flat']!, optimizer: next.state };
  };
  return compile(step as never, {
    ...threadsOf(threads === undefined ? {} : { threads }),
    recycle: true,
    name: 'siren-fit-step',
  }) as unknown as Compiled<[FitState, Tensor, Tensor], FitState>;
}

/** A group is always of full size, so that one graph serves all; the last one repeats its last image. */
async function fitGroup(
  step: Compiled<[FitState, Tensor, Tensor], FitState>,
  error: Compiled<[Tensor, Tensor], Tensor>,
  flat: NdArray,
  images: NdArray,
  from: number,
  recipe: SirenRecipe,
): Promise<{ flat: Float32Array; loss: Float32Array }> {
  const members = Array.from({ length: FIT_GROUP }, (_, i) => Math.min(from + i, flat.shape[0]! - 1));
  const target = gatherRows(images, members);
  const first = gatherRows(flat, members);
  let state = { flat: first, optimizer: adam({ beta1: recipe.beta1, beta2: recipe.beta2 }).init({ flat: first }) };
  for (let i = 0; i < recipe.steps; i++) {
    state = (await step(state as never, target, scalar(sirenRate(recipe, i)))) as never;
  }
  const loss = await error(state.flat as never, target);
  return { flat: state.flat.data as Float32Array, loss: loss.data as Float32Array };
}

function gatherRows(array: NdArray, members: readonly number[]): NdArray<'float32'> {
  const stride = sizeOf(array.shape.slice(1));
  const data = new Float32Array(members.length * stride);
  members.forEach((row, i) => data.set(array.data.subarray(row * stride, (row + 1) * stride), i * stride));
  return ndarray(data, [members.length, stride]);
}

function toRange(images: NdArray, { imageRange: [low, high] }: SirenRecipe): NdArray<'float32'> {
  return ndarray(
    Float32Array.from(images.data, (x) => low + (high - low) * x),
    images.shape,
  );
}

/** Mean squared error over the squared range, in dB. */
function psnrOf(loss: Float32Array, { imageRange: [low, high] }: SirenRecipe): NdArray<'float32'> {
  return ndarray(
    Float32Array.from(loss, (mse) => -10 * Math.log10(mse / (high - low) ** 2)),
    [loss.length],
  );
}

/** Parameters of N networks as rows of one matrix, so that an update of all is one operation. */
export function pack(parameters: NdArrays, count: number): NdArray<'float32'> {
  const parts = Object.values(parameters).map((p) => ({ data: p.data, stride: sizeOf(p.shape.slice(1)) }));
  const width = parts.reduce((sum, { stride }) => sum + stride, 0);
  const flat = new Float32Array(count * width);
  let column = 0;
  for (const { data, stride } of parts) {
    for (let n = 0; n < count; n++) flat.set(data.subarray(n * stride, (n + 1) * stride), n * width + column);
    column += stride;
  }
  return ndarray(flat, [count, width]);
}

export function unpack(flat: NdArray, names: readonly string[], shapes: readonly (readonly number[])[]): NdArrays {
  const [count, width] = flat.shape as [number, number];
  let column = 0;
  return Object.fromEntries(
    names.map((name, i) => {
      const stride = sizeOf(shapes[i]!);
      const data = new Float32Array(count * stride);
      for (let n = 0; n < count; n++)
        data.set(flat.data.subarray(n * width + column, n * width + column + stride), n * stride);
      column += stride;
      return [name, ndarray(data, [count, ...shapes[i]!])];
    }),
  );
}
