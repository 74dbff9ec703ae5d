/** @file What can be read from embeddings by a linear map. */
import { adam, compile, ndarray, scalar, tf, valueAndGrads, zeros } from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { Matrix, solve } from 'ml-matrix';

/** Embeddings, one row per network. */
export interface Embedded {
  readonly train: NdArray;
  readonly test: NdArray;
}

/** Columns with mean 0 and deviation 1 over the training rows. */
export function standardizeColumns({ train, test }: Embedded): Embedded {
  const [rows, columns] = train.shape as [number, number];
  const moments = Array.from({ length: columns }, (_, c) => {
    const values = Array.from({ length: rows }, (_, r) => train.data[r * columns + c]!);
    const mean = values.reduce((sum, v) => sum + v, 0) / rows;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / rows;
    return [mean, Math.sqrt(variance) || 1] as const;
  });
  const scaled = ({ data, shape }: NdArray): NdArray =>
    ndarray(
      Float32Array.from(data, (v, i) => (v - moments[i % columns]![0]) / moments[i % columns]![1]),
      shape,
    );
  return { train: scaled(train), test: scaled(test) };
}

const withOnes = ({ data, shape }: NdArray): Matrix => {
  const [rows, columns] = shape as [number, number];
  return Matrix.from1DArray(rows, columns, Array.from(data)).addColumn(columns, Array<number>(rows).fill(1));
};

/**
 * Mean squared error of each target on the test rows, by least squares on the training rows with a small ridge.
 *
 * @param targets values by name, of the training and of the test rows
 */
export function regressionProbe(
  embedded: Embedded,
  targets: { readonly [name: string]: { readonly train: ArrayLike<number>; readonly test: ArrayLike<number> } },
  ridge = 1e-3,
): { readonly [name: string]: number } {
  const { train, test } = standardizeColumns(embedded);
  const [x, at] = [withOnes(train), withOnes(test)];
  const gram = x
    .transpose()
    .mmul(x)
    .add(Matrix.eye(x.columns, x.columns).mul(ridge * x.rows));
  return Object.fromEntries(
    Object.entries(targets).map(([name, { train: known, test: wanted }]) => {
      const solution = solve(gram, x.transpose().mmul(Matrix.columnVector(Array.from(known))));
      const found = at.mmul(solution).to1DArray();
      return [name, found.reduce((sum, v, i) => sum + (v - wanted[i]!) ** 2, 0) / found.length];
    }),
  );
}

/**
 * Mean squared error of each target on the test rows, by the mean of the nearest training rows.
 *
 * What a linear map misses where an embedding is curved.
 *
 * @param neighbours how many training rows are averaged
 */
export function neighbourProbe(
  embedded: Embedded,
  targets: { readonly [name: string]: { readonly train: ArrayLike<number>; readonly test: ArrayLike<number> } },
  neighbours = 5,
): { readonly [name: string]: number } {
  const { train, test } = standardizeColumns(embedded);
  const [rows, columns] = train.shape as [number, number];
  const distance = (at: number, row: number): number => {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += (test.data[at * columns + c]! - train.data[row * columns + c]!) ** 2;
    return sum;
  };
  const nearest = Array.from({ length: test.shape[0]! }, (_, at) =>
    Array.from({ length: rows }, (_row, row) => [distance(at, row), row] as const)
      .sort(([a], [b]) => a - b)
      .slice(0, neighbours)
      .map(([, row]) => row),
  );
  return Object.fromEntries(
    Object.entries(targets).map(([name, { train: known, test: wanted }]) => {
      const errors = nearest.map(
        (near, at) => near.reduce((sum, row) => sum + known[row]!, 0) / near.length - wanted[at]!,
      );
      return [name, errors.reduce((sum, e) => sum + e * e, 0) / errors.length];
    }),
  );
}

const PROBE_STEPS = 300;

/**
 * Share of the test rows that multinomial logistic regression on the training rows classifies right.
 *
 * Fitted by 300 steps of Adam on all rows, from 0, so that it has no randomness.
 */
export async function classificationProbe(
  embedded: Embedded,
  labels: { readonly train: Int32Array; readonly test: Int32Array },
  classes: number,
): Promise<number> {
  const { train, test } = standardizeColumns(embedded);
  const optimizer = adam();
  const logits = (p: Tensors, x: Tensor): Tensor => tf.add(tf.matMul(x, p['weight']!), p['bias']!);
  const step = compile(
    (state: { p: Tensors; o: Tensors }, x: Tensor, y: Tensor, rate: Tensor) => {
      const target = tf.oneHot(y, classes, 1, 0, 'float32');
      const loss = (p: Tensors) => {
        const fit = tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits(p, x))), 1)));
        return tf.add(fit, tf.mul(tf.sum(tf.square(p['weight']!)), 1e-4)) as Tensor;
      };
      const next = optimizer.update(valueAndGrads(loss, state.p).grads, state.o, state.p, rate);
      return { p: next.params, o: next.state };
    },
    { name: 'linear probe', recycle: true },
  );
  const params: NdArrays = { weight: zeros([train.shape[1]!, classes]), bias: zeros([classes]) };
  let state: unknown = { p: params, o: optimizer.init(params) };
  const y = ndarray(labels.train, [labels.train.length]);
  for (let i = 0; i < PROBE_STEPS; i++) state = await step(state as never, train, y, scalar(0.05));
  const read = compile((p: Tensors, x: Tensor) => tf.argMax(logits(p, x), 1), { name: 'linear probe classes' });
  const guesses = (await read((state as { p: never }).p, test)) as unknown as NdArray;
  await Promise.all([step.release(), read.release()]);
  return Array.from(guesses.data).filter((guess, i) => guess === labels.test[i]).length / labels.test.length;
}
