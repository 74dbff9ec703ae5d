/** @file Kernels that make, move, select and join, without arithmetic. */
import { sizeOf } from '../../nd-array.ts';
import { tf } from '../../tf.ts';
import { sameShape } from '../graph.ts';
import type { Value, ValueType } from '../graph.ts';
import type { Builder } from '../build.ts';
import { TraceError } from '../trace-backend.ts';
import type { TraceKernel } from '../trace-backend.ts';

/** The operands of a kernel that takes a list of them, in order. */
export const listed = (inputs: { readonly [name: string]: Value }): Value[] =>
  Object.keys(inputs)
    .sort((p, q) => Number(p) - Number(q))
    .map((name) => inputs[name]!);
const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

export function pad(
  b: Builder,
  x: Value,
  paddings: readonly (readonly [number, number])[],
  mode: string,
  value?: Value,
): Value {
  if (paddings.every(([before, after]) => before === 0 && after === 0)) return x;
  const shape = x.shape.map((size, axis) => size + paddings[axis]![0] + paddings[axis]![1]);
  const pads = b.graph.integers([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
  return b.graph.add('Pad', value ? [x, pads, value] : [x, pads], { shape, type: x.type }, { mode });
}

/** Symmetric mirroring repeats the border: ONNX has only `reflect`, so it is put together from slices. */
function mirrorPad(b: Builder, x: Value, paddings: readonly (readonly [number, number])[], mode: string): Value {
  if (mode === 'reflect') return pad(b, x, paddings, 'reflect');
  return paddings.reduce((padded, [before, after], axis) => {
    const size = padded.shape[axis]!;
    const part = (from: number, to: number) => {
      const begin = padded.shape.map((_, i) => (i === axis ? from : 0));
      const end = padded.shape.map((n, i) => (i === axis ? to : n));
      return b.slice(
        padded,
        begin,
        end,
        padded.shape.map((_, i) => (i === axis ? -1 : 1)),
      );
    };
    const parts = [
      ...(before ? [part(before - 1, -1)] : []),
      padded,
      ...(after ? [part(size - 1, size - 1 - after)] : []),
    ];
    return b.concat(parts, axis);
  }, x);
}

function split(b: Builder, x: Value, sizes: readonly number[], axis: number): readonly Value[] {
  if (sizes.length === 1) return [x];
  const outputs = sizes.map((size) => ({ shape: x.shape.map((n, i) => (i === axis ? size : n)), type: x.type }));
  return b.graph.addMany('Split', [x, b.graph.integers(sizes)], outputs, { axis });
}

function tile(b: Builder, x: Value, reps: readonly number[]): Value {
  const shape = x.shape.map((size, axis) => size * reps[axis]!);
  if (sameShape(shape, x.shape)) return x;
  if (x.shape.every((size, axis) => size === 1 || reps[axis] === 1)) return b.expand(x, shape);
  return b.graph.add('Tile', [x, b.graph.integers(reps)], { shape, type: x.type });
}

function stridedSlice(b: Builder, x: Value, attrs: { readonly [name: string]: never }): Value {
  const info = tf.slice_util.sliceInfo(
    [...x.shape],
    attrs['begin']!,
    attrs['end']!,
    attrs['strides']!,
    attrs['beginMask']!,
    attrs['endMask']!,
    attrs['ellipsisMask']!,
    attrs['newAxisMask']!,
    attrs['shrinkAxisMask']!,
  );
  if (info.isIdentity) return b.reshape(x, info.finalShape);
  return b.reshape(b.slice(x, info.begin, info.end, info.strides), info.finalShape);
}

function reverse(b: Builder, x: Value, axes: readonly number[]): Value {
  const flipped = (axis: number) => axes.includes(axis) && x.shape[axis]! > 1;
  return b.slice(
    x,
    x.shape.map((n, axis) => (flipped(axis) ? n - 1 : 0)),
    x.shape.map((n, axis) => (flipped(axis) ? -1 : n)),
    x.shape.map((_n, axis) => (flipped(axis) ? -1 : 1)),
  );
}

function sequence(b: Builder, data: Float32Array | Int32Array): Value {
  const dtype = data instanceof Int32Array ? 'int32' : 'float32';
  return b.graph.constant({ dtype, shape: [data.length], data });
}

export const shape: { readonly [kernelName: string]: TraceKernel } = {
  Cast: (b, { x }, attrs) => {
    const to: string = attrs['dtype']!;
    if (to !== 'float32' && to !== 'int32' && to !== 'bool') throw new TraceError(`compile: can't cast to ${to}`);
    return b.cast(x!, to);
  },
  Concat: (b, inputs, attrs) => {
    const parts = listed(inputs);
    return b.concat(parts, axisOf(attrs['axis']!, parts[0]!.shape.length));
  },
  ExpandDims: (b, { input }, attrs) => {
    const rank = input!.shape.length + 1;
    const axis = axisOf(attrs['dim']!, rank);
    return b.reshape(input!, [...input!.shape.slice(0, axis), 1, ...input!.shape.slice(axis)]);
  },
  Fill: (b, _, attrs) => {
    const dtype: string = attrs['dtype'] ?? 'float32';
    const type: ValueType = dtype === 'int32' || dtype === 'bool' ? dtype : 'float32';
    return b.graph.uniform(Number(attrs['value']), attrs['shape']!, type);
  },
  FlipLeftRight: (b, { image }) => reverse(b, image!, [2]),
  Identity: (_, { x }) => x!,
  LinSpace: (b, _, attrs) => {
    const [start, stop, num]: [number, number, number] = [attrs['start']!, attrs['stop']!, attrs['num']!];
    return sequence(
      b,
      Float32Array.from({ length: num }, (_v, i) => (num === 1 ? start : start + (i * (stop - start)) / (num - 1))),
    );
  },
  MirrorPad: (b, { x }, attrs) => mirrorPad(b, x!, attrs['paddings']!, attrs['mode']!),
  OnesLike: (b, { x }) => b.graph.uniform(1, x!.shape, x!.type === 'int64' ? 'int32' : x!.type),
  Pack: (b, inputs, attrs) => {
    const parts = listed(inputs);
    const axis = axisOf(attrs['axis']!, parts[0]!.shape.length + 1);
    const unsqueezed = parts.map((x) => b.reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]));
    return b.concat(unsqueezed, axis);
  },
  PadV2: (b, { x }, attrs) => {
    const value = b.cast(b.scalar(attrs['constantValue'] ?? 0), x!.type);
    return pad(b, x!, attrs['paddings']!, 'constant', value);
  },
  Range: (b, _, attrs) => {
    const [start, stop, step]: [number, number, number] = [attrs['start']!, attrs['stop']!, attrs['step']!];
    const length = Math.max(0, Math.ceil((stop - start) / step));
    const at = (_v: unknown, i: number) => start + i * step;
    const dtype: string | undefined = attrs['dtype'];
    const integer = dtype === 'int32';
    return sequence(b, integer ? Int32Array.from({ length }, at) : Float32Array.from({ length }, at));
  },
  Reshape: (b, { x }, attrs) => {
    const wanted: number[] = attrs['shape']!;
    const known = wanted.reduce((n, size) => (size === -1 ? n : n * size), 1);
    return b.reshape(
      x!,
      wanted.map((size) => (size === -1 ? sizeOf(x!.shape) / known : size)),
    );
  },
  Reverse: (b, { x }, attrs) => {
    const dims: number | readonly number[] | undefined = attrs['dims'];
    return reverse(b, x!, tf.util.parseAxisParam((dims as number[] | undefined) ?? (null as never), [...x!.shape]));
  },
  Slice: (b, { x }, attrs) => {
    const [begin, size] = tf.slice_util.parseSliceParams(
      { shape: [...x!.shape], rank: x!.shape.length } as never,
      attrs['begin']!,
      attrs['size']!,
    );
    return b.slice(
      x!,
      begin!,
      begin!.map((from, axis) => from + size![axis]!),
    );
  },
  SplitV: (b, { x }, attrs) => {
    const axis = axisOf(attrs['axis']!, x!.shape.length);
    const sizes = tf.backend_util.prepareSplitSize({ shape: [...x!.shape] } as never, attrs['numOrSizeSplits']!, axis);
    return split(b, x!, sizes, axis);
  },
  StridedSlice: (b, { x }, attrs) => stridedSlice(b, x!, attrs),
  Tile: (b, { x }, attrs) => tile(b, x!, attrs['reps']!),
  Transpose: (b, { x }, attrs) => b.transpose(x!, attrs['perm']!),
  Unpack: (b, { value }, attrs) => {
    const axis = axisOf(attrs['axis']!, value!.shape.length);
    const shape = value!.shape.filter((_, i) => i !== axis);
    const parts = split(b, value!, Array<number>(value!.shape[axis]!).fill(1), axis);
    return parts.map((part) => b.reshape(part, shape));
  },
  ZerosLike: (b, { x }) => b.graph.uniform(0, x!.shape, x!.type === 'int64' ? 'int32' : x!.type),
};
