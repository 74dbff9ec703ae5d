/** @file Shape and elementwise operations with their simplifications; what kernels are written with. */
import type { DType } from '../nd-array.ts';
import { sizeOf } from '../nd-array.ts';
import { broadcastShape, elementsOf, isUniform, sameShape, unexpanded, uniformOf } from './graph.ts';
import type { Attributes, Graph, Value, ValueType } from './graph.ts';
import { interleaved, positivePhases } from './phases.ts';
import type { Phases } from './phases.ts';
import { positiveAsNumber, withRelu } from './rectified.ts';

/** Writes operations into one graph. */
export class Builder {
  readonly graph: Graph;
  /** Channels that ONNX Runtime's convolutions on blocked images take at once on this machine; 0 where there are none. */
  readonly block: number;
  /** Values that are other views of blocked images; what is computed elementwise from them is computed on these. */
  readonly #blocked = new Map<Value, Value>();
  /** Those of them that come in phases. */
  readonly #phased = new Map<Value, Phases>();
  /** The same of these views where networks and points are one axis. */
  readonly #merged = new Map<Value, Value>();

  constructor(graph: Graph, block = 0) {
    this.graph = graph;
    this.block = block;
  }

  /** An operation on one operand that keeps its shape. Broadcasts move behind it, and so do views of blocked images. */
  unary(op: string, x: Value, type: ValueType = x.type, attributes: Attributes = {}): Value {
    const small = unexpanded(x);
    if (small !== x) return this.expand(this.unary(op, small, type, attributes), x.shape);
    const images = this.#blocked.get(x);
    const phases = this.#phased.get(x);
    if (phases && this.#mayCompute(op, x)) {
      const parts = phases.parts.map((part) => this.unary(op, part, type, attributes));
      return this.fromPhases({ ...phases, parts }, x.shape.at(-1)!);
    }
    if (images && this.#mayCompute(op, x)) {
      return this.fromBlocked(this.unary(op, images, type, attributes), x.shape.at(-1)!);
    }
    const joined = op === 'Relu' ? withRelu(this.graph, x) : op === 'Cast' ? positiveAsNumber(this.graph, x, type) : x;
    if (joined !== x) return this.reshape(joined, x.shape);
    return this.graph.add(op, [x], { shape: x.shape, type }, attributes);
  }

  /** An elementwise operation on two operands; computes on what the operands were broadcast from where it can. */
  binary(op: string, a: Value, b: Value, type: ValueType = a.type): Value {
    const shape = broadcastShape(a.shape, b.shape);
    const identity = this.#withoutEffect(op, a, b, shape);
    if (identity) return identity;
    const phased = this.#binaryInPhases(op, a, b, type) ?? this.#binaryInPhases(op, b, a, type, true);
    if (phased) return phased;
    const images = this.#blockedOperands(op, [a, b], shape);
    if (images) return this.fromBlocked(this.binary(op, images[0]!, images[1]!, type), shape.at(-1)!);
    const [p, q] = [this.#smallest(a), this.#smallest(b)];
    const made = this.graph.add(op, [p, q], { shape: broadcastShape(p.shape, q.shape), type });
    return this.expand(made, shape);
  }

  /**
   * Images of N networks in the layout of ONNX Runtime's fastest convolutions, seen as the layers see them.
   *
   * @param images `[P, N, C / block, H, W, block]`; channels above C may hold any finite numbers
   * @returns `[N, P, H, W, C]`
   */
  fromBlocked(images: Value, channels: number): Value {
    const [P, N, blocks, H, W, block] = images.shape as [number, number, number, number, number, number];
    const all = this.reshape(this.transpose(images, [1, 0, 3, 4, 2, 5]), [N, P, H, W, blocks * block]);
    const view = this.slice(all, [0, 0, 0, 0, 0], [N, P, H, W, channels]);
    this.#blocked.set(view, images);
    return view;
  }

  /** The same of what comes in phases; these are laid between each other only where something asks for the whole. */
  fromPhases(phases: Phases, channels: number): Value {
    const view = this.fromBlocked(interleaved(this, phases), channels);
    this.#phased.set(view, phases);
    return view;
  }

  phasesOf = (view: Value): Phases | undefined => this.#phased.get(view);

  /** With a number, with what comes in the same phases, or with what can be had in them. */
  #binaryInPhases(op: string, view: Value, other: Value, type: ValueType, turned = false): Value | undefined {
    const phases = this.#phased.get(view);
    if (!phases || !this.#mayCompute(op, view)) return undefined;
    const number = this.#smallest(other);
    const images = this.#blocked.get(other);
    const others =
      number.shape.length === 0
        ? phases.parts.map(() => number)
        : sameShape(this.#phased.get(other)?.strides ?? [], phases.strides)
          ? this.#phased.get(other)!.parts
          : images && sameShape(other.shape, view.shape) && positivePhases(this, images, phases.strides);
    if (!others) return undefined;
    const parts = phases.parts.map((part, i) =>
      turned ? this.binary(op, others[i]!, part, type) : this.binary(op, part, others[i]!, type),
    );
    return this.fromPhases({ ...phases, parts }, view.shape.at(-1)!);
  }

  /** The other way: `[N, P, H, W, C]` as `[P, N, C / block, H, W, block]`, filled up with zeros. */
  toBlocked(x: Value): Value {
    const known = this.#blocked.get(x);
    if (known) return known;
    const [N, P, H, W, C] = x.shape as [number, number, number, number, number];
    const blocks = Math.ceil(C / this.block);
    const full = this.pad(x, [0, 0, 0, 0, 0], [0, 0, 0, 0, blocks * this.block - C]);
    return this.transpose(this.reshape(full, [N, P, H, W, blocks, this.block]), [1, 0, 4, 2, 3, 5]);
  }

  /** The blocked images that `[N·P, H, W, C]` is a view of. */
  blockedOf = (merged: Value): Value | undefined => this.#merged.get(merged);

  /** Where one operand is a view of blocked images: all of them as such. */
  #blockedOperands(op: string, operands: readonly Value[], shape: readonly number[]): readonly Value[] | undefined {
    const view = operands.find((x) => this.#blocked.has(x) && sameShape(x.shape, shape));
    if (!view || !this.#mayCompute(op, view)) return undefined;
    return operands.map((x) => {
      const small = this.#smallest(x);
      if (small.shape.length === 0) return small;
      const padded = this.reshape(small, [...Array<number>(shape.length - small.shape.length).fill(1), ...small.shape]);
      if (padded.shape.at(-1) !== 1 || shape.at(-1) === 1) return this.toBlocked(padded);
      return this.reshape(this.transpose(padded, [1, 0, 4, 2, 3]), [
        padded.shape[1]!,
        padded.shape[0]!,
        1,
        ...padded.shape.slice(2),
      ]);
    });
  }

  /** Where there are more channels than the view shows, the operation must make finite numbers of them. */
  #mayCompute(op: string, view: Value): boolean {
    const images = this.#blocked.get(view)!;
    return TAME.has(op) || images.shape[2]! * images.shape[5]! === view.shape[4];
  }

  /** Zeros in front of and behind each axis; where negative, what is there is cut off. */
  pad(x: Value, before: readonly number[], after: readonly number[]): Value {
    if ([...before, ...after].every((n) => n === 0)) return x;
    const shape = x.shape.map((size, axis) => size + before[axis]! + after[axis]!);
    return this.graph.add('Pad', [x, this.graph.integers([...before, ...after])], { shape, type: x.type });
  }

  /** x·1, x/1, x+0, x−0 are x; x·0 stays, since 0·NaN is NaN. */
  #withoutEffect(op: string, a: Value, b: Value, shape: readonly number[]): Value | undefined {
    const neutral = op === 'Mul' || op === 'Div' ? 1 : op === 'Add' || op === 'Sub' ? 0 : undefined;
    if (neutral === undefined) return undefined;
    const [p, q] = [uniformOf(a), uniformOf(b)];
    if (p !== undefined && q !== undefined && a.type === 'float32')
      return this.graph.uniform(fold(op, p, q), shape, 'float32');
    if (q === neutral) return this.expand(a, shape);
    if (p === neutral && (op === 'Mul' || op === 'Add')) return this.expand(b, shape);
    return undefined;
  }

  /** A constant as a scalar, a broadcast as what it was broadcast from. */
  #smallest(x: Value): Value {
    const uniform = uniformOf(x);
    if (uniform !== undefined && x.type !== 'int64') return this.graph.uniform(uniform, [], x.type);
    return unexpanded(x);
  }

  expand(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x;
    const uniform = uniformOf(x);
    if (uniform !== undefined && x.type !== 'int64') return this.graph.uniform(uniform, shape, x.type);
    const small = unexpanded(x);
    return this.graph.add('Expand', [small, this.graph.integers(shape)], { shape, type: x.type });
  }

  /** A uniform tensor that a kernel needs as such: a node of its own, never a constant written out. */
  expandInFull(scalar: Value, shape: readonly number[]): Value {
    return this.graph.add('Expand', [scalar, this.graph.integers(shape)], { shape, type: scalar.type });
  }

  reshape(x: Value, shape: readonly number[]): Value {
    const images = this.#blocked.get(x);
    const reshaped = this.#reshape(x, shape);
    if (images && shape.length === 4 && sameShape(x.shape.slice(2), shape.slice(1))) this.#merged.set(reshaped, images);
    return reshaped;
  }

  #reshape(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x;
    const uniform = uniformOf(x);
    if (uniform !== undefined && x.type !== 'int64') return this.graph.uniform(uniform, shape, x.type);
    const inner = x.node?.op === 'Reshape' ? x.node.inputs[0]! : x;
    if (sameShape(inner.shape, shape)) return inner;
    const small = this.#reshapeBelowExpand(inner, shape);
    if (small) return small;
    return this.graph.add('Reshape', [inner, this.graph.integers(shape)], { shape, type: x.type });
  }

  /** Where only axes of size 1 come or go, a broadcast stays a broadcast. */
  #reshapeBelowExpand(x: Value, shape: readonly number[]): Value | undefined {
    if (x.node?.op !== 'Expand') return undefined;
    const squeezed = (s: readonly number[]) => s.filter((size) => size !== 1);
    if (!sameShape(squeezed(x.shape), squeezed(shape))) return undefined;
    const small = unexpanded(x);
    const padded = [...Array<number>(x.shape.length - small.shape.length).fill(1), ...small.shape];
    const kept = padded.filter((_, axis) => x.shape[axis] !== 1);
    let at = 0;
    const target = shape.map((size) => (size === 1 ? 1 : kept[at++]!));
    return this.expand(this.reshape(small, target), shape);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.every((axis, i) => axis === i)) return x;
    const shape = perm.map((axis) => x.shape[axis]!);
    const uniform = uniformOf(x);
    if (uniform !== undefined && x.type !== 'int64') return this.graph.uniform(uniform, shape, x.type);
    if (x.node?.op === 'Transpose') {
      const before = x.node.attributes['perm'] as readonly number[];
      return this.transpose(
        x.node.inputs[0]!,
        perm.map((axis) => before[axis]!),
      );
    }
    const moved = perm.filter((axis) => x.shape[axis] !== 1);
    if (moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)) return this.reshape(x, shape);
    return this.graph.add('Transpose', [x], { shape, type: x.type }, { perm: [...perm] });
  }

  cast(x: Value, type: ValueType): Value {
    if (x.type === type) return x;
    const uniform = uniformOf(x);
    if (uniform !== undefined && type !== 'int64') {
      return this.graph.uniform(
        type === 'bool' ? Number(uniform !== 0) : type === 'int32' ? Math.trunc(uniform) : uniform,
        x.shape,
        type,
      );
    }
    if (type === 'int64' && x.constant && x.type === 'int32') {
      return this.reshape(this.graph.integers(Array.from(elementsOf(x), Number)), x.shape);
    }
    return this.unary('Cast', x, type, { to: onnxType[type] });
  }

  where(condition: Value, a: Value, b: Value): Value {
    const shape = broadcastShape(broadcastShape(condition.shape, a.shape), b.shape);
    const images = this.#blockedOperands('Where', [condition, a, b], shape);
    if (images) return this.fromBlocked(this.where(images[0]!, images[1]!, images[2]!), shape.at(-1)!);
    // ONNX Runtime selects among numbers only.
    if (a.type === 'bool')
      return this.cast(this.where(condition, this.cast(a, 'int32'), this.cast(b, 'int32')), 'bool');
    const operands = [this.#smallest(condition), this.#smallest(a), this.#smallest(b)] as const;
    const small = operands.map((v) => v.shape).reduce(broadcastShape);
    return this.expand(this.graph.add('Where', operands, { shape: small, type: a.type }), shape);
  }

  scalar(value: number, type: DType = 'float32'): Value {
    return this.graph.uniform(value, [], type);
  }

  mul = (a: Value, b: Value): Value => this.binary('Mul', a, b);
  add = (a: Value, b: Value): Value => this.binary('Add', a, b);
  sub = (a: Value, b: Value): Value => this.binary('Sub', a, b);
  div = (a: Value, b: Value): Value => this.binary('Div', a, b);
  not = (x: Value): Value => this.unary('Not', x);
  compare = (op: 'Equal' | 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual', a: Value, b: Value): Value =>
    this.binary(op, a, b, 'bool');

  slice(x: Value, begin: readonly number[], end: readonly number[], steps = begin.map(() => 1)): Value {
    const shape = begin.map((from, axis) => Math.max(0, Math.ceil((end[axis]! - from) / steps[axis]!)));
    if (sameShape(shape, x.shape) && steps.every((step) => step === 1)) return x;
    if (isUniform(x) && x.type !== 'int64') return this.graph.uniform(uniformOf(x)!, shape, x.type);
    // Backwards to the start: ONNX counts negative ends from the back, so "before 0" is written as a very negative number.
    const ends = end.map((to, axis) => (steps[axis]! < 0 && to < 0 ? -(2 ** 31) : to));
    const axes = begin.map((_, axis) => axis).filter((axis) => shape[axis] !== x.shape[axis] || steps[axis] !== 1);
    const pick = (list: readonly number[]) => this.graph.integers(axes.map((axis) => list[axis]!));
    return this.graph.add('Slice', [x, pick(begin), pick(ends), this.graph.integers(axes), pick(steps)], {
      shape,
      type: x.type,
    });
  }

  concat(parts: readonly Value[], axis: number): Value {
    const [first] = parts;
    if (parts.length === 1) return first!;
    const shape = first!.shape.map((size, i) =>
      i === axis ? parts.reduce((sum, p) => sum + p.shape[axis]!, 0) : size,
    );
    return this.graph.add(
      'Concat',
      parts.filter((p) => sizeOf(p.shape) > 0),
      { shape, type: first!.type },
      { axis },
    );
  }

  /** @param op `ReduceSum`, `ReduceMax`, …; the axes go away */
  reduce(op: string, x: Value, axes: readonly number[], keepDims = false): Value {
    const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const shape = keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
    if (axes.every((axis) => x.shape[axis] === 1)) return this.reshape(x, shape);
    const uniform = uniformOf(x);
    if (uniform !== undefined && x.type === 'float32' && op === 'ReduceSum') {
      return this.graph.uniform(uniform * axes.reduce((n, axis) => n * x.shape[axis]!, 1), shape, 'float32');
    }
    const small = unexpanded(x);
    const isSum = (op === 'ReduceSum' || op === 'ReduceMean') && x.type === 'float32';
    if (small !== x && isSum) {
      return this.#reduceBroadcast(op, x, small, axes, shape);
    }
    const leading = axes.filter((axis, i) => axis === i);
    if (isSum && leading.length > 0 && leading.length < axes.length && sizeOf(shape) > 1) {
      return this.#reduceInTurn(op, x, leading, axes.slice(leading.length), shape);
    }
    return this.graph.add(op, [x, this.graph.integers(axes)], { shape, type: x.type }, { keepdims: keepDims ? 1 : 0 });
  }

  /** First the axes in front, which ONNX Runtime sums 5 times as fast alone as together with others further back. */
  #reduceInTurn(
    op: string,
    x: Value,
    first: readonly number[],
    rest: readonly number[],
    shape: readonly number[],
  ): Value {
    const rows = this.reduce(op, x, first);
    return this.reshape(
      this.reduce(
        op,
        rows,
        rest.map((axis) => axis - first.length),
      ),
      shape,
    );
  }

  /** Along a broadcast axis the sum is the value times the size, and the mean the value. */
  #reduceBroadcast(op: string, x: Value, small: Value, axes: readonly number[], shape: readonly number[]): Value {
    const padded = this.reshape(small, [...Array<number>(x.shape.length - small.shape.length).fill(1), ...small.shape]);
    const real = axes.filter((axis) => padded.shape[axis] !== 1);
    const copies = axes.reduce((n, axis) => (padded.shape[axis] === 1 ? n * x.shape[axis]! : n), 1);
    const reduced = real.length === 0 ? padded : this.reduce(op, padded, real, true);
    const scaled = op === 'ReduceSum' ? this.mul(reduced, this.scalar(copies)) : reduced;
    const before = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return this.reshape(this.expand(scaled, before), shape);
  }
}

/** Operations that make finite numbers of all finite numbers. */
const TAME = new Set(
  (
    'Abs Add Cast Cos Elu Equal Erf Greater GreaterOrEqual HardSigmoid LeakyRelu Less LessOrEqual Max Min Mul Neg Not ' +
    'Relu Sigmoid Sign Sin Softplus Softsign Sub Tanh Where'
  ).split(' '),
);

export const onnxType: Record<ValueType, number> = { float32: 1, int32: 6, int64: 7, bool: 9 };

const fold = (op: string, a: number, b: number): number =>
  Math.fround(op === 'Mul' ? a * b : op === 'Div' ? a / b : op === 'Add' ? a + b : a - b);
