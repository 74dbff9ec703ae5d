/** @file Gradients that tfjs 4.22 has wrong, lacks, or computes in more passes than needed; fixed for every backend. */
import type { GradConfig } from '@tensorflow/tfjs';

import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';
import { withDilations } from './dilated-gradient.ts';
import { resizeGradient } from './resize.ts';
import { stridedSliceGradient } from './strided-slice-gradient.ts';

type GradFunc = GradConfig['gradFunc'];

/** tfjs's own transposes the gradient the wrong way off the last axis; the sum from the other end is the same for every axis. */
const cumsum: GradFunc = (dy, _saved, attrs) => {
  const { axis, exclusive, reverse } = attrs as { axis: number; exclusive: boolean; reverse: boolean };
  return { x: () => tf.cumsum(dy as Tensor, axis, exclusive, !reverse) };
};

/** Chosen values get their gradient back; the indices have none. */
const topK: GradFunc = (dys, saved) => {
  const [values] = dys as Tensor[];
  const [x, indices] = saved as [Tensor, Tensor];
  return {
    x: () => {
      const [k, size] = [indices.shape.at(-1)!, x.shape.at(-1)!];
      if (size === 1) return values!;
      const rows = indices.size / k;
      const picked: Tensor = tf.reshape(indices, [rows, k]);
      const hot = tf.oneHot(picked, size, 1, 0, 'float32');
      return tf.reshape(tf.matMul(tf.reshape(values!, [rows, 1, k]), tf.reshape(hot, [rows, k, size])), x.shape);
    },
  };
};

/** Through the output: x needn't be kept, and 1 pass less than through `step`. */
const relu: GradFunc = (dy, saved) => {
  const [y] = saved as [Tensor];
  return { x: () => tf.mul(dy as Tensor, tf.cast(tf.greater(y, 0), 'float32')) };
};

/** Sums a gradient down to the shape that was broadcast; tfjs forgets to for some operations. */
function toShape(dy: Tensor, shape: readonly number[]): Tensor {
  const missing = dy.rank - shape.length;
  const axes = dy.shape.flatMap((size, axis) =>
    axis < missing || (shape[axis - missing] === 1 && size !== 1) ? [axis] : [],
  );
  return tf.reshape(axes.length === 0 ? dy : tf.sum(dy, axes), [...shape]);
}

/** Spreads a gradient back over the axes that were reduced; tfjs multiplies by a full tensor of ones. */
const spread =
  (share: (size: number) => number): GradFunc =>
  (dy, saved, attrs) => {
    const [x] = saved as [Tensor];
    const { axis } = attrs as unknown as { axis?: number | number[] | null };
    const axes = tf.util.parseAxisParam(axis ?? x.shape.map((_, i) => i), x.shape);
    const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
    const factor = share(axes.reduce((product, i) => product * x.shape[i]!, 1));
    const scaled = factor === 1 ? (dy as Tensor) : tf.mul(dy as Tensor, factor);
    return { x: () => tf.broadcastTo(tf.reshape(scaled, kept), x.shape) };
  };

/** Gradients of the larger or smaller of two: each operand gets what its mask selects. */
const choice =
  (ofA: (a: Tensor, b: Tensor) => Tensor, ofB: (a: Tensor, b: Tensor) => Tensor): GradFunc =>
  (dy, saved) => {
    const [a, b] = saved as [Tensor, Tensor];
    const part = (mask: Tensor) => tf.mul(dy as Tensor, tf.cast(mask, 'float32'));
    return { a: () => toShape(part(ofA(a, b)), a.shape), b: () => toShape(part(ofB(a, b)), b.shape) };
  };

/** Products of batches of which one repeats a matrix: tfjs forgets to sum over the copies. */
const batchMatMul: GradFunc = (dy, saved, attrs) => {
  const [a, b] = saved as [Tensor, Tensor];
  const { transposeA, transposeB } = attrs as unknown as { transposeA: boolean; transposeB: boolean };
  const g = dy as Tensor;
  return {
    a: () => toShape(transposeA ? tf.matMul(b, g, transposeB, true) : tf.matMul(g, b, false, !transposeB), a.shape),
    b: () => toShape(transposeB ? tf.matMul(g, a, true, transposeA) : tf.matMul(a, g, !transposeA, false), b.shape),
  };
};

const squaredDifference: GradFunc = (dy, saved) => {
  const [a, b] = saved as [Tensor, Tensor];
  const slope = () => tf.mul(tf.mul(dy as Tensor, 2), tf.sub(a, b));
  return { a: () => toShape(slope(), a.shape), b: () => toShape(tf.neg(slope()), b.shape) };
};

/** Comparisons are flat; tfjs refuses to differentiate `where(greater(x, 0), …)` because it has no gradient for `greater`. */
const flat: GradFunc = (_dy, saved) => {
  const names = saved.length === 1 ? ['x'] : ['a', 'b'];
  return Object.fromEntries(names.map((name, i) => [name, () => tf.zeros((saved as Tensor[])[i]!.shape)]));
};
const comparisons = ['Equal', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'NotEqual', 'LogicalAnd', 'LogicalOr'];
const tests = ['LogicalNot', 'IsNan', 'IsInf', 'IsFinite', 'All', 'Any'];

let fixed = false;

/** Registers the gradients; once, when libs/compute is imported. */
export function fixGradients(): void {
  if (fixed) return;
  fixed = true;
  replace({ kernelName: 'Cumsum', gradFunc: cumsum });
  replace({ kernelName: 'TopK', inputsToSave: ['x'], outputsToSave: [false, true], gradFunc: topK });
  replace({ kernelName: 'Sum', inputsToSave: ['x'], gradFunc: spread(() => 1) });
  replace({ kernelName: 'Mean', inputsToSave: ['x'], gradFunc: spread((size) => 1 / size) });
  replace({ kernelName: 'BatchMatMul', inputsToSave: ['a', 'b'], gradFunc: batchMatMul });
  replace({ kernelName: 'Maximum', inputsToSave: ['a', 'b'], gradFunc: choice(tf.greaterEqual, tf.less) });
  replace({ kernelName: 'Minimum', inputsToSave: ['a', 'b'], gradFunc: choice(tf.lessEqual, tf.greater) });
  replace({ kernelName: 'SquaredDifference', inputsToSave: ['a', 'b'], gradFunc: squaredDifference });
  for (const kernelName of comparisons) replace({ kernelName, inputsToSave: ['a', 'b'], gradFunc: flat });
  for (const kernelName of tests) replace({ kernelName, inputsToSave: ['x'], gradFunc: flat });
  for (const kernelName of ['Conv2D', 'DepthwiseConv2dNative']) replace(withDilations(tf.getGradient(kernelName)));
  replace({ kernelName: 'ResizeBilinear', inputsToSave: ['images'], gradFunc: resizeGradient('bilinear') });
  replace({ kernelName: 'ResizeNearestNeighbor', inputsToSave: ['images'], gradFunc: resizeGradient('nearest') });
  replace({ kernelName: 'StridedSlice', inputsToSave: ['x'], gradFunc: stridedSliceGradient });
  replace({ kernelName: 'Relu', outputsToSave: [true], gradFunc: relu });
}

function replace(config: GradConfig): void {
  if (tf.getGradient(config.kernelName)) tf.unregisterGradient(config.kernelName);
  tf.registerGradient(config);
}

fixGradients();
