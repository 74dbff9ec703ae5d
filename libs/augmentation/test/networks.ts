/** @file Architectures whose axes all differ in size, and a way to compare what networks draw. */
import { forwardStacked, initialize, mlp, siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { Augmentation } from '@weightspace/augmentation';
import { compile, RandomStream } from '@weightspace/compute';
import type { Device, NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';

export const B = 4;
export const sineNet = siren({ sizes: [3, 5, 7, 6, 2], omega: 30, outputOffset: 0.5 });
export const planeNet = siren({ sizes: [2, 5, 7, 3], omega: 30 });
export const tanhNet = mlp({ sizes: [3, 5, 6, 2], activation: 'tanh' });
export const reluNet = mlp({ sizes: [3, 5, 6, 2], activation: 'relu' });

export const stream = (label: string): RandomStream => RandomStream.fromSeed(17).split(label);
export const networks = (architecture: Architecture): NdArrays =>
  initialize(architecture, stream('networks'), { count: B });
export const pointsOf = (architecture: Architecture, count = 40): NdArray<'float32'> =>
  stream('points').uniform([count, architecture.spec.inputs[0]!.size], -1, 1);

/** Runs an augmentation as the training step does: compiled, with its draws as arguments. */
export async function augment(
  augmentation: Augmentation,
  architecture: Architecture,
  weights: NdArrays,
  draws: NdArrays,
  device: Device = 'cpu',
): Promise<NdArrays> {
  const f = compile((w: Tensors, d: Tensors) => augmentation.apply(architecture, w, d), { device, threads: 1 });
  const result = (await f(weights, draws)) as NdArrays;
  await f.release();
  return result;
}

/** Values at points that all share, or at those of each network; shape `[B, P, out]`. */
export async function render(architecture: Architecture, weights: NdArrays, points: NdArray): Promise<NdArray> {
  const f = compile((w: Tensors, x: Tensor) => forwardStacked(architecture, w, x), { device: 'eager' });
  return f(weights, points);
}

/** Largest difference as a share of the largest value of b. */
export function relativeError(a: NdArray, b: NdArray): number {
  if (a.shape.join() !== b.shape.join()) throw new Error(`shapes differ: ${a.shape.join()} and ${b.shape.join()}`);
  let [error, scale] = [0, 0];
  b.data.forEach((value, i) => {
    error = Math.max(error, Math.abs(value - a.data[i]!));
    scale = Math.max(scale, Math.abs(value));
  });
  return Number.isFinite(error) && scale > 0 ? error / scale : Infinity;
}
