/** @file Reductions, scans, sorting, softmax. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { TraceError } from '../trace-backend.ts';
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

/** All and Any, by the smallest and the largest of 0 and 1; of nothing, these are far above and below. */
const reduceBool =
  (op: string): TraceKernel =>
  (b, { x }, attrs) => {
    const reduced = b.reduce(op, b.cast(x!, 'int32'), axesOf(attrs['axis'], x!), attrs['keepDims'] ?? false);
    return b.compare('Greater', reduced, b.scalar(0, 'int32'));
  };

const argReduce =
  (op: string): TraceKernel =>
  (b, { x }, attrs) => {
    const [axis] = axesOf(attrs['axis'], x!);
    const shape = x!.shape.filter((_, i) => i !== axis);
    if (x!.shape[axis!] === 0) throw new TraceError(`compile: ${op} over an axis of size 0 has no answer`);
    const index = b.graph.add(op, [x!], { shape, type: 'int64' }, { axis: axis!, keepdims: 0 });
    return b.cast(index, 'int32');
  };

function mean(b: Builder, x: Value, axes: readonly number[], keepDims: boolean): Value {
  const number = x.type === 'float32' ? x : b.cast(x, 'float32');
  return b.reduce('ReduceMean', number, axes, keepDims);
}

/** The running product by doubling: after step i each entry holds the product of 2^i neighbours. */
function cumprod(b: Builder, x: Value, axis: number, exclusive: boolean, reverse: boolean): Value {
  const size = x.shape[axis]!;
  const shifted = (y: Value, by: number): Value => {
    const with_ = (n: number) => y.shape.map((all, i) => (i === axis ? n : all));
    const [begin, kept] = [with_(0).map((n, i) => (i === axis && reverse ? by : i === axis ? n : 0)), with_(size - by)];
    const rest = b.slice(
      y,
      begin,
      begin.map((from, i) => from + kept[i]!),
    );
    const ones = b.cast(b.graph.uniform(1, with_(by), 'float32'), y.type);
    return b.concat(reverse ? [rest, ones] : [ones, rest], axis);
  };
  let product = exclusive && size > 0 ? shifted(x, 1) : x;
  for (let by = 1; by < size; by *= 2) product = b.mul(product, shifted(product, by));
  return product;
}

export const reduction: { readonly [kernelName: string]: TraceKernel } = {
  All: reduceBool('ReduceMin'),
  Any: reduceBool('ReduceMax'),
  ArgMax: argReduce('ArgMax'),
  ArgMin: argReduce('ArgMin'),
  Cumprod: (b, { x }, attrs) => {
    const [axis] = axesOf(attrs['axis'], x!);
    return cumprod(b, x!, axis!, attrs['exclusive'] ?? false, attrs['reverse'] ?? false);
  },
  Cumsum: (b, { x }, attrs) => {
    const [axis] = axesOf(attrs['axis'], x!);
    const at = b.graph.constant({ dtype: 'int32', shape: [], data: Int32Array.of(axis!) });
    const flags = { exclusive: attrs['exclusive'] ? 1 : 0, reverse: attrs['reverse'] ? 1 : 0 };
    const number = x!.type === 'bool' ? b.cast(x!, 'int32') : x!;
    return b.graph.add('CumSum', [number, at], { shape: x!.shape, type: number.type }, flags);
  },
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
    const [values, indices] = b.graph.addMany(
      'TopK',
      [number, b.graph.integers([k])],
      [
        { shape, type: number.type },
        { shape, type: 'int64' },
      ],
      { axis: -1, largest: 1, sorted: 1 },
    );
    return [values!, b.cast(indices!, 'int32')];
  },
};
