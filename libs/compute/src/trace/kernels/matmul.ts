/** @file Matrix products. */
import { broadcastShape, sameShape, unexpanded } from '../graph.ts';
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import type { TraceKernel } from '../trace-backend.ts';
import { activate } from './activate.ts';
import { listed } from './shape.ts';

const swapLast = (b: Builder, x: Value): Value => {
  const rank = x.shape.length;
  const perm = x.shape.map((_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return b.transpose(x, perm);
};

/**
 * ONNX Runtime walks a tall matrix once per block of columns, out of the caches: 275 GFLOP/s for 65,536×512×512 on a
 * machine whose peak is 430. As a batch of matrices of about this many rows it reaches 425.
 */
const ROWS = 1024;
/** Below this many products a call's fixed cost counts for more than the caches. */
const WORTH_SPLITTING = 2 ** 28;

/** The number of rows per piece, between half and twice `ROWS`, that divides `rows`; undefined when there is none. */
function pieceOf(rows: number, products: number): number | undefined {
  if (rows < 4 * ROWS || products < WORTH_SPLITTING) return undefined;
  for (let distance = 0; distance <= ROWS / 2; distance++) {
    for (const piece of [ROWS - distance, ROWS + 2 * distance]) if (rows % piece === 0) return piece;
  }
  return undefined;
}

/** One product of two matrices: `Gemm` transposes by reading in another order, but has no integer kernel. */
function gemm(b: Builder, x: Value, y: Value, transA: boolean, transB: boolean): Value {
  const [m, k, n] = [x.shape[transA ? 1 : 0]!, x.shape[transA ? 0 : 1]!, y.shape[transB ? 0 : 1]!];
  const thin = transA && !transB && x.type === 'float32' && isThin(m, k, n);
  if (thin) return thinProduct(b, x, y, [m, n]);
  const piece = x.type === 'float32' ? pieceOf(x.shape[0]!, m * k * n) : undefined;
  // With few columns there is one block of them: nothing is walked twice, and a bias can be fused.
  if (piece !== undefined && !transA && n > FEW) return splitRows(b, x, y, transB, piece, [m, n]);
  if (piece !== undefined && transA && !transB) return splitSum(b, x, y, piece, [m, n]);
  if (x.type === 'int32' || (!transA && !transB)) {
    const operands = [transA ? b.transpose(x, [1, 0]) : x, transB ? b.transpose(y, [1, 0]) : y];
    return b.graph.add('MatMul', operands, { shape: [m, n], type: x.type });
  }
  return b.graph.add(
    'Gemm',
    [x, y],
    { shape: [m, n], type: x.type },
    { transA: transA ? 1 : 0, transB: transB ? 1 : 0 },
  );
}

/** Whether xᵀ·y is a small matrix of two long ones, one of which has few columns. */
const isThin = (m: number, k: number, n: number): boolean =>
  k >= LONG && Math.min(m, n) <= FEW && Math.max(m, n) <= 8 * FEW;
const LONG = 2 ** 14;
const FEW = 64;

/**
 * xᵀ·y, where the one with fewer columns is transposed before. ONNX Runtime's products that read in another order transpose
 * block by block and reach 33 GFLOP/s for 32×65,536×32, on a machine where they reach 48 with one transposed matrix for
 * several products: gradients of several maps of the same features share it. Axes in front keep it from being fused.
 */
function thinProduct(b: Builder, x: Value, y: Value, [m, n]: readonly [number, number]): Value {
  if (n < m) return b.transpose(thinProduct(b, y, x, [n, m]), [1, 0]);
  const k = x.shape[0]!;
  const left = b.reshape(b.transpose(b.reshape(x, [1, k, m]), [0, 2, 1]), [1, 1, m, k]);
  const product = b.graph.add('MatMul', [left, b.reshape(y, [1, 1, k, n])], { shape: [1, 1, m, n], type: x.type });
  return b.reshape(product, [m, n]);
}

/**
 * Pieces of the left matrix, each times the whole right one. ONNX Runtime would join the pieces again where the right
 * one is a single matrix, so it comes in a few copies.
 */
function splitRows(
  b: Builder,
  x: Value,
  y: Value,
  transB: boolean,
  piece: number,
  [m, n]: readonly [number, number],
): Value {
  const [pieces, k] = [m / piece, x.shape[1]!];
  const copies = [2, 3, 5, 7].find((factor) => pieces % factor === 0) ?? pieces;
  const left = b.reshape(x, [copies, pieces / copies, piece, k]);
  const right = b.reshape(transB ? b.transpose(y, [1, 0]) : y, [1, 1, k, n]);
  const copied = b.expandInFull(right, [copies, 1, k, n]);
  const product = b.graph.add('MatMul', [left, copied], {
    shape: [copies, pieces / copies, piece, n],
    type: x.type,
  });
  return b.reshape(product, [m, n]);
}

/** xᵀ·y over a long inner axis: the sum of the products of its pieces. */
function splitSum(b: Builder, x: Value, y: Value, piece: number, [m, n]: readonly [number, number]): Value {
  const pieces = x.shape[0]! / piece;
  const left = b.transpose(b.reshape(x, [pieces, piece, m]), [0, 2, 1]);
  const right = b.reshape(y, [pieces, piece, n]);
  const parts = b.graph.add('MatMul', [left, right], { shape: [pieces, m, n], type: x.type });
  return b.reduce('ReduceSum', parts, [0]);
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
  return b.graph.add('MatMul', [left, right], { shape, type: x.type });
}

/** The one matrix that a batch repeats, if it does: the batch of the other operand can then be one tall matrix. */
function sharedMatrix(b: Builder, y: Value): Value | undefined {
  const small = unexpanded(y);
  const batch = small.shape.slice(0, -2);
  if (batch.some((size) => size !== 1) || !sameShape(small.shape.slice(-2), y.shape.slice(-2))) return undefined;
  return b.reshape(small, y.shape.slice(-2));
}

/** Forward only: tfjs has no gradient for it. */
function einsum(b: Builder, operands: readonly Value[], equation: string): Value {
  const [inputs, output] = equation.replaceAll(' ', '').split('->') as [string, string];
  const sizes = new Map(
    inputs.split(',').flatMap((letters, i) => [...letters].map((c, axis) => [c, operands[i]!.shape[axis]!])),
  );
  const shape = [...output].map((letter) => sizes.get(letter)!);
  return b.graph.add('Einsum', operands, { shape, type: operands[0]!.type }, { equation: `${inputs}->${output}` });
}

export const matrixProducts: { readonly [kernelName: string]: TraceKernel } = {
  BatchMatMul: (b, inputs, attrs) =>
    matMul(b, inputs['a']!, inputs['b']!, attrs['transposeA'] ?? false, attrs['transposeB'] ?? false),
  Einsum: (b, inputs, attrs) => einsum(b, listed(inputs), attrs['equation']!),
  _FusedMatMul: (b, inputs, attrs) => {
    const product = matMul(b, inputs['a']!, inputs['b']!, attrs['transposeA'] ?? false, attrs['transposeB'] ?? false);
    return activate(b, product, inputs, attrs, 'matMul');
  },
};
