/** @file Kernels that move blocks of pixels between axes: no arithmetic, but more than one step. */
import { tf } from '../../tf.ts';
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { TraceError } from '../trace-backend.ts';
import type { TraceKernel } from '../trace-backend.ts';
import { pad } from './shape.ts';

const { getReshaped, getPermuted, getReshapedPermuted, getSliceBeginCoords, getSliceSize } = tf.backend_util;

/** What both directions share: split axes, swap them, join others. */
function regroup(b: Builder, x: Value, block: number[], toBatch: boolean): Value {
  const count = block.reduce((p, q) => p * q, 1);
  const split = getReshaped([...x.shape], block, count, !toBatch);
  const swapped = b.transpose(b.reshape(x, split), getPermuted(split.length, block.length, !toBatch));
  return b.reshape(swapped, getReshapedPermuted([...x.shape], block, count, !toBatch));
}

function depthToSpace(b: Builder, x: Value, block: number, format: string): Value {
  if (format !== 'NHWC')
    throw new TraceError(`compile: depthToSpace must have dataFormat NHWC, got ${format}; transpose the input`);
  const [batch, height, width, depth] = x.shape as [number, number, number, number];
  const channels = depth / block ** 2;
  const swapped = b.transpose(b.reshape(x, [batch, height, width, block, block, channels]), [0, 1, 3, 2, 4, 5]);
  return b.reshape(swapped, [batch, height * block, width * block, channels]);
}

/** Values on the diagonal of a matrix of zeros; chosen, not multiplied, so that infinities stay where they are. */
function diag(b: Builder, x: Value): Value {
  const size = x.shape.reduce((p, q) => p * q, 1);
  const at = b.graph.constant({ dtype: 'int32', shape: [size], data: Int32Array.from({ length: size }, (_, i) => i) });
  const onDiagonal = b.compare('Equal', b.reshape(at, [size, 1]), at);
  const matrix = b.where(onDiagonal, b.reshape(x, [1, size]), b.cast(b.scalar(0), x.type));
  return b.reshape(matrix, [...x.shape, ...x.shape]);
}

export const blocks: { readonly [kernelName: string]: TraceKernel } = {
  BatchToSpaceND: (b, { x }, attrs) => {
    const block: number[] = attrs['blockShape']!;
    const joined = regroup(b, x!, block, false);
    const from = getSliceBeginCoords(attrs['crops']!, block.length);
    const size = getSliceSize([...joined.shape], attrs['crops']!, block.length);
    return b.slice(
      joined,
      joined.shape.map((_, axis) => from[axis] ?? 0),
      joined.shape.map((all, axis) => (from[axis] ?? 0) + (size[axis] ?? all)),
    );
  },
  DepthToSpace: (b, { x }, attrs) => depthToSpace(b, x!, attrs['blockSize']!, attrs['dataFormat'] ?? 'NHWC'),
  Diag: (b, { x }) => diag(b, x!),
  SpaceToBatchND: (b, { x }, attrs) => {
    const block: number[] = attrs['blockShape']!;
    const given: [number, number][] = attrs['paddings']!;
    const paddings = x!.shape.map((_, axis): [number, number] => given[axis - 1] ?? [0, 0]);
    const padded = pad(b, x!, paddings, 'constant', b.cast(b.scalar(0), x!.type));
    return regroup(b, padded, block, true);
  },
};
