/** @file Products of all pairs of rows of two matrices. */
import { compile, ndarray, tf } from '@weightspace/compute';
import type { Compiled, Tensor } from '@weightspace/compute';

/** Products of matrices that need more multiplications than this are left to ONNX Runtime. */
const LARGE = 1 << 22;

/** p[i,j] = Σ_c a[i,c] · b[j,c]. */
export class RowProducts {
  readonly #compiled: Compiled<[Tensor, Tensor], Tensor> = compile(
    (a: Tensor, b: Tensor) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true) as Tensor,
  );

  /** @param a shape `[n, k]` @param b shape `[n, k]` @param into added to; shape `[n, n]` */
  async add(a: Float32Array, b: Float32Array, n: number, k: number, into: Float64Array): Promise<void> {
    if (k === 0) return;
    if (n * n * k <= LARGE) return addSmall(a, b, n, k, into);
    const { data } = await this.#compiled(ndarray(a, [n, k]), ndarray(b, [n, k]));
    for (let at = 0; at < into.length; at++) into[at]! += data[at]!;
  }

  release(): Promise<void> {
    return this.#compiled.release();
  }
}

/** Four columns at a time, so that each number of a is read once for them. */
function addSmall(a: Float32Array, b: Float32Array, n: number, k: number, into: Float64Array): void {
  const even = n - (n % 4);
  for (let i = 0; i < n; i++) {
    const row = i * k;
    for (let j = 0; j < even; j += 4) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      const c0 = j * k;
      const c1 = c0 + k;
      const c2 = c1 + k;
      const c3 = c2 + k;
      for (let c = 0; c < k; c++) {
        const x = a[row + c]!;
        s0 += x * b[c0 + c]!;
        s1 += x * b[c1 + c]!;
        s2 += x * b[c2 + c]!;
        s3 += x * b[c3 + c]!;
      }
      const at = i * n + j;
      into[at]! += s0;
      into[at + 1]! += s1;
      into[at + 2]! += s2;
      into[at + 3]! += s3;
    }
    for (let j = even; j < n; j++) {
      let sum = 0;
      for (let c = 0; c < k; c++) sum += a[row + c]! * b[j * k + c]!;
      into[i * n + j]! += sum;
    }
  }
}
