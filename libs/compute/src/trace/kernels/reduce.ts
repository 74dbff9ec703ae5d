/** @file Reductions, scans, sorting, softmax. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import type { TraceKernel } from '../trace-backend.ts';

const axesOf = (axis: number | readonly number[] | null | undefined, x: Value): number[] => {
  const rank = x.shape.length;
  const given =
    axis === null || axis === undefined
      ? x.shape.map((_, i) => i)
      : Array.isArray(axis)
        ? (axis as readonly number[])
        : [axis as number];
  return given.map((a) => (a < 0 ? a + rank : a)).sort((p, q) => p - q);
};

const reduce =
  (op: string): TraceKernel =>
  (b, { x }, attrs) => {
    const number = x!.type === 'bool' ? b.cast(x!, 'int32') : x!;
    return b.reduce(op, number, axesOf(attrs['reductionIndices'] ?? attrs['axis'], x!), attrs['keepDims'] ?? false);
  };

/** All and Any, by the smallest and the largest of 0 and 1. */
const reduceBool =
  (op: string): TraceKernel =>
  (b, { x }, attrs) =>
    b.cast(b.reduce(op, b.cast(x!, 'int32'), axesOf(attrs['axis'], x!), attrs['keepDims'] ?? false), 'bool');

const argReduce =
  (op: string): TraceKernel =>
  (b, { x }, attrs) => {
    const [axis] = axesOf(attrs['axis'], x!);
    const shape = x!.shape.filter((_, i) => i !== axis);
    const index = b.graph.add(op, [x!], { shape, type: 'int64' }, { axis: axis!, keepdims: 0 });
    return b.cast(index, 'int32');
  };

function mean(b: Builder, x: Value, axes: readonly number[], keepDims: boolean): Value {
  const number = x.type === 'float32' ? x : b.cast(x, 'float32');
  return b.reduce('ReduceMean', number, axes, keepDims);
}

/** Written out: ONNX Runtime 1.30's own gives infinity where logits are far apart. */
function logSoftmax(b: Builder, x: Value, axes: readonly number[]): Value {
  const shifted = b.sub(x, b.reduce('ReduceMax', x, axes, true));
  const sum = b.reduce('ReduceSum', b.unary('Exp', shifted), axes, true);
  return b.sub(shifted, b.unary('Log', sum));
}

export const reduction: { readonly [kernelName: string]: TraceKernel } = {
  All: reduceBool('ReduceMin'),
  Any: reduceBool('ReduceMax'),
  ArgMax: argReduce('ArgMax'),
  ArgMin: argReduce('ArgMin'),
  Cumsum: (b, { x }, attrs) => {
    const [axis] = axesOf(attrs['axis'], x!);
    const at = b.graph.constant({ dtype: 'int32', shape: [], data: Int32Array.of(axis!) });
    const flags = { exclusive: attrs['exclusive'] ? 1 : 0, reverse: attrs['reverse'] ? 1 : 0 };
    return b.graph.add('CumSum', [x!, at], { shape: x!.shape, type: x!.type }, flags);
  },
  LogSoftmax: (b, { logits }, attrs) => logSoftmax(b, logits!, axesOf(attrs['axis'] ?? -1, logits!)),
  Max: reduce('ReduceMax'),
  Mean: (b, { x }, attrs) => mean(b, x!, axesOf(attrs['axis'], x!), attrs['keepDims'] ?? false),
  Min: reduce('ReduceMin'),
  Prod: reduce('ReduceProd'),
  Softmax: (b, { logits }, attrs) =>
    b.graph.add('Softmax', [logits!], { shape: logits!.shape, type: 'float32' }, { axis: attrs['dim'] ?? -1 }),
  Sum: reduce('ReduceSum'),
  TopK: (b, { x }, attrs) => {
    const k: number = attrs['k']!;
    const shape = [...x!.shape.slice(0, -1), k];
    const number = x!.type === 'bool' ? b.cast(x!, 'int32') : x!;
    const sorted = (attrs['sorted'] ?? true) ? 1 : 0;
    const [values, indices] = b.graph.addMany(
      'TopK',
      [number, b.graph.integers([k])],
      [
        { shape, type: number.type },
        { shape, type: 'int64' },
      ],
      { axis: -1, largest: 1, sorted },
    );
    return [values!, b.cast(indices!, 'int32')];
  },
};
