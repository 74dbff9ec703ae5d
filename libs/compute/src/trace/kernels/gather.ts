/** @file Gather, scatter and one-hot. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { TraceError } from '../trace-backend.ts';
import type { TraceKernel } from '../trace-backend.ts';

const product = (sizes: readonly number[]): number => sizes.reduce((p, q) => p * q, 1);

/** `batchDims` leading axes index alike: gathered as one long axis, with each batch's offset added to its indices. */
function gather(b: Builder, x: Value, indices: Value, axis: number, batchDims: number): Value {
  if (batchDims === 0) {
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return b.graph.add('Gather', [x, indices], { shape, type: x.type }, { axis });
  }
  if (axis !== batchDims)
    throw new TraceError(
      `compile: gather with batchDims ${batchDims} needs axis ${batchDims}, got ${axis}; transpose first`,
    );
  const [batch, size] = [product(x.shape.slice(0, batchDims)), x.shape[axis]!];
  const each = product(indices.shape.slice(batchDims));
  const offsets = b.graph.constant({
    dtype: 'int32',
    shape: [batch, 1],
    data: Int32Array.from({ length: batch }, (_, i) => i * size),
  });
  const flat = b.reshape(b.add(b.reshape(indices, [batch, each]), offsets), [batch * each]);
  const rest = x.shape.slice(axis + 1);
  const rows = b.reshape(x, [batch * size, ...rest]);
  const taken = b.graph.add('Gather', [rows, flat], { shape: [batch * each, ...rest], type: x.type }, { axis: 0 });
  return b.reshape(taken, [...x.shape.slice(0, batchDims), ...indices.shape.slice(batchDims), ...rest]);
}

/** Sums the rows of `x` that share an id. Ids outside 0 … segments−1 are dropped, as tfjs does. */
function segmentSum(b: Builder, x: Value, ids: Value, segments: number): Value {
  const rest = x.shape.slice(ids.shape.length);
  const count = product(ids.shape);
  const flat = b.reshape(ids, [count]);
  const [low, high] = [b.scalar(0, 'int32'), b.scalar(segments, 'int32')];
  const outside = b.binary('Or', b.compare('Less', flat, low), b.compare('GreaterOrEqual', flat, high), 'bool');
  const safe = b.where(outside, high, flat);
  const index = b.reshape(b.cast(safe, 'int64'), [count, 1]);
  const into = b.expandInFull(b.cast(b.scalar(0), x.type), [segments + 1, ...rest]);
  const updates = b.reshape(x, [count, ...rest]);
  const sums = b.graph.add(
    'ScatterND',
    [into, index, updates],
    { shape: into.shape, type: x.type },
    { reduction: 'add' },
  );
  return b.slice(
    sums,
    sums.shape.map(() => 0),
    [segments, ...rest],
  );
}

function oneHot(b: Builder, indices: Value, attrs: { readonly [name: string]: never }): Value {
  const depth: number = attrs['depth']!;
  const [on, off]: [number, number] = [attrs['onValue'] ?? 1, attrs['offValue'] ?? 0];
  const classes = b.graph.constant({
    dtype: 'int32',
    shape: [depth],
    data: Int32Array.from({ length: depth }, (_, i) => i),
  });
  const equal = b.compare('Equal', b.reshape(indices, [...indices.shape, 1]), classes);
  const wanted: string = attrs['dtype'] ?? 'int32';
  const type = wanted === 'float32' || wanted === 'bool' ? wanted : 'int32';
  if (on === 1 && off === 0) return b.cast(equal, type);
  return b.where(equal, b.cast(b.scalar(on), type), b.cast(b.scalar(off), type));
}

export const gathers: { readonly [kernelName: string]: TraceKernel } = {
  GatherNd: (b, { params, indices }) => {
    const depth = indices!.shape.at(-1)!;
    const shape = [...indices!.shape.slice(0, -1), ...params!.shape.slice(depth)];
    return b.graph.add('GatherND', [params!, b.cast(indices!, 'int64')], { shape, type: params!.type });
  },
  GatherV2: (b, { x, indices }, attrs) => {
    const axis: number = attrs['axis'] ?? 0;
    return gather(b, x!, indices!, axis < 0 ? axis + x!.shape.length : axis, attrs['batchDims'] ?? 0);
  },
  OneHot: (b, { indices }, attrs) => oneHot(b, indices!, attrs),
  ScatterNd: (b, { indices, updates }, attrs) => {
    const shape: number[] = attrs['shape']!;
    const into = b.expandInFull(b.cast(b.scalar(0), updates!.type), shape);
    return b.graph.add(
      'ScatterND',
      [into, b.cast(indices!, 'int64'), updates!],
      { shape, type: updates!.type },
      { reduction: 'add' },
    );
  },
  TensorScatterUpdate: (b, { tensor, indices, updates }) =>
    b.graph.add('ScatterND', [tensor!, b.cast(indices!, 'int64'), updates!], {
      shape: tensor!.shape,
      type: tensor!.type,
    }),
  UnsortedSegmentSum: (b, { x, segmentIds }, attrs) => segmentSum(b, x!, segmentIds!, attrs['numSegments']!),
};
