/** @file Matrix products. */
import { broadcastShape, sameShape, unexpanded } from '../graph.ts';
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import type { TraceKernel } from '../trace-backend.ts';

const swapLast = (b: Builder, x: Value): Value => {
  const rank = x.shape.length;
  const perm = x.shape.map((_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return b.transpose(x, perm);
};

/** One product of two matrices: `Gemm` transposes by reading in another order. */
function gemm(b: Builder, x: Value, y: Value, transA: boolean, transB: boolean): Value {
  const shape = [x.shape[transA ? 1 : 0]!, y.shape[transB ? 0 : 1]!];
  if (!transA && !transB) return b.graph.add('MatMul', [x, y], { shape, type: 'float32' });
  return b.graph.add('Gemm', [x, y], { shape, type: 'float32' }, { transA: transA ? 1 : 0, transB: transB ? 1 : 0 });
}

/** @param x `[…, M, K]`, or `[…, K, M]` when `transA` @param y `[…, K, N]`, or `[…, N, K]` when `transB`; batch axes broadcast */
export function matMul(b: Builder, x: Value, y: Value, transA: boolean, transB: boolean): Value {
  const batchOf = (v: Value) => v.shape.slice(0, -2);
  const batch = broadcastShape(batchOf(x), batchOf(y));
  const matrix = (v: Value) => v.shape.slice(-2);
  const [m, n] = [matrix(x)[transA ? 1 : 0]!, matrix(y)[transB ? 0 : 1]!];
  const shape = [...batch, m, n];
  const single = (v: Value) => batchOf(v).every((size) => size === 1);
  if (single(x) && single(y)) {
    return b.reshape(gemm(b, b.reshape(x, matrix(x)), b.reshape(y, matrix(y)), transA, transB), shape);
  }
  const shared = sharedMatrix(b, y);
  if (!transA && shared && !sameShape(batchOf(x), [])) {
    const flat = b.reshape(x, [x.shape.slice(0, -1).reduce((p, q) => p * q, 1), matrix(x)[1]!]);
    const product = gemm(b, flat, shared, false, transB);
    return b.expand(b.reshape(product, [...batchOf(x), m, n]), shape);
  }
  const left = transA ? swapLast(b, x) : x;
  const right = transB ? swapLast(b, y) : y;
  return b.graph.add('MatMul', [left, right], { shape, type: 'float32' });
}

/** The one matrix that a batch repeats, if it does: the batch of the other operand can then be one tall matrix. */
function sharedMatrix(b: Builder, y: Value): Value | undefined {
  const small = unexpanded(y);
  const batch = small.shape.slice(0, -2);
  if (batch.some((size) => size !== 1) || !sameShape(small.shape.slice(-2), y.shape.slice(-2))) return undefined;
  return b.reshape(small, y.shape.slice(-2));
}

const fusedActivations: { readonly [name: string]: string } = { relu: 'Relu', elu: 'Elu', sigmoid: 'Sigmoid' };

export const matrixProducts: { readonly [kernelName: string]: TraceKernel } = {
  BatchMatMul: (b, inputs, attrs) => matMul(b, inputs['a']!, inputs['b']!, attrs['transposeA'] ?? false, attrs['transposeB'] ?? false),
  _FusedMatMul: (b, inputs, attrs) => {
    const product = matMul(b, inputs['a']!, inputs['b']!, attrs['transposeA'] ?? false, attrs['transposeB'] ?? false);
    const sum = inputs['bias'] ? b.add(product, inputs['bias']) : product;
    const activation: string = attrs['activation'] ?? 'linear';
    if (activation === 'linear') return sum;
    const op = fusedActivations[activation];
    if (!op) throw new Error(`compile: tf.fused.matMul with activation ${activation} can't be compiled; apply the activation by itself`);
    return b.unary(op, sum);
  },
};
