/** @file Optimizers as slow loops over numbers in double precision, for one network, from their published formulas. */
import type { NdArrays } from '@weightspace/compute';

export type Matrix = number[][];
/** One parameter of two axes, or of one (`rows` is 1 then, and `vector` true). */
export interface Weights {
  readonly rows: number;
  readonly columns: number;
  readonly vector: boolean;
  readonly values: number[];
}

type Values = { readonly [name: string]: number };
export type Oracle = (p: Weights, gradients: readonly number[][]) => number[];

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const rmsOf = (values: readonly number[]) => Math.sqrt(meanOf(values.map((v) => v * v)));

export const sgd =
  ({ rate }: Values): Oracle =>
  (p, gradients) =>
    gradients.reduce((w, g) => w.map((v, i) => v - rate! * g[i]!), p.values);

export const momentum =
  ({ rate, decay }: Values): Oracle =>
  (p, gradients) => {
    const m = p.values.map(() => 0);
    return gradients.reduce((w, g) => w.map((v, i) => v - rate! * (m[i] = m[i]! * decay! + g[i]!)), p.values);
  };

export const adam =
  ({ rate, beta1, beta2, epsilon, weightDecay = 0 }: Values): Oracle =>
  (p, gradients) => {
    const [m, v] = [p.values.map(() => 0), p.values.map(() => 0)];
    let w = p.values;
    gradients.forEach((g, k) => {
      w = w.map((x, i) => {
        m[i] = beta1! * m[i]! + (1 - beta1!) * g[i]!;
        v[i] = beta2! * v[i]! + (1 - beta2!) * g[i]! ** 2;
        const [mean, square] = [m[i]! / (1 - beta1! ** (k + 1)), v[i]! / (1 - beta2! ** (k + 1))];
        return x * (1 - rate! * weightDecay) - (rate! * mean) / (Math.sqrt(square) + epsilon!);
      });
    });
    return w;
  };

export const adafactor =
  ({ rate, decayExponent, clip, epsilon1, epsilon2 }: Values): Oracle =>
  ({ rows, columns, vector, values }, gradients) => {
    const [R, C, V] = [Array<number>(rows).fill(0), Array<number>(columns).fill(0), values.map(() => 0)];
    let w = values;
    gradients.forEach((g, k) => {
      const beta = 1 - (k + 1) ** -decayExponent!;
      const square = g.map((x) => x * x + epsilon1!);
      for (let i = 0; i < rows; i++) {
        R[i] = beta * R[i]! + (1 - beta) * meanOf(square.slice(i * columns, (i + 1) * columns));
      }
      for (let j = 0; j < columns; j++) {
        C[j] = beta * C[j]! + (1 - beta) * meanOf(square.filter((_, at) => at % columns === j));
      }
      square.forEach((s, i) => (V[i] = beta * V[i]! + (1 - beta) * s));
      const u = g.map((x, at) => {
        const [i, j] = [Math.floor(at / columns), at % columns];
        return x / Math.sqrt(vector ? V[at]! : (R[i]! * C[j]!) / meanOf(R));
      });
      const short = Math.max(1, rmsOf(u) / clip!);
      const relative = rate! * Math.max(epsilon2!, rmsOf(w));
      w = w.map((x, i) => x - (relative * u[i]!) / short);
    });
    return w;
  };

const TIMES = [1, 3, 10, 30, 100, 300, 1000, 3000, 1e4, 3e4, 1e5];

/** The MLP on features by element, each divided by its root mean square; times behind them. */
function learnedStep(meta: NdArrays, features: readonly number[][], step: number): number[] {
  const scales = features.map((f) => 1 / Math.sqrt(meanOf(f.map((v) => v * v)) + 1e-5));
  const time = TIMES.map((s) => Math.tanh(step / s - 1));
  const depth = Object.keys(meta).filter((name) => name.endsWith('.weight')).length;
  return features[0]!.map((_, at) => {
    let x = [...features.map((f, c) => f[at]! * scales[c]!), ...time];
    for (let layer = 1; layer <= depth; layer++) {
      const [weight, bias] = [meta[`layer${layer}.weight`]!, meta[`layer${layer}.bias`]!.data];
      const read = weight.shape[1]!;
      const y = Array.from(bias, (b, o) => x.reduce((sum, v, i) => sum + v * weight.data[o * read + i]!, b));
      x = layer === depth ? y : y.map((v) => Math.max(0, v));
    }
    return x[0]! * Math.exp(1e-3 * x[1]!) * 1e-3;
  });
}

export const mlpLopt =
  (meta: NdArrays): Oracle =>
  (p, gradients) => {
    const decays = [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];
    const momenta = decays.map(() => p.values.map(() => 0));
    let w = p.values;
    gradients.forEach((g, k) => {
      decays.forEach((decay, d) => {
        momenta[d] = momenta[d]!.map((m, i) => m * decay + g[i]! * (1 - decay));
      });
      const step = learnedStep(meta, [g, w, ...momenta], k);
      w = w.map((x, i) => x - step[i]!);
    });
    return w;
  };

export const adafacMlpLopt =
  (meta: NdArrays): Oracle =>
  ({ columns, vector, values }, gradients) => {
    const decays = (name: string, initial: number[]) =>
      initial.map((d, i) => 1 - Math.exp(10 * (Math.log(1 - d) / 10 + meta[`decays.${name}`]!.data[i]!)));
    const [momentum, [second], factored] = [
      decays('momentum', [0.9, 0.99, 0.999]),
      decays('second', [0.999]),
      decays('factored', [0.9, 0.99, 0.999]),
    ];
    const zeros = () => values.map(() => 0);
    const m = momentum.map(zeros);
    let v = zeros();
    // Rows and columns, spread out to every element.
    const R = factored.map(zeros);
    const C = factored.map(zeros);
    let w = values;
    gradients.forEach((g, k) => {
      const square = g.map((x) => x * x);
      const raised = square.map((x) => x + 1e-9);
      const rowMean = raised.map((s, at) => {
        const i = Math.floor(at / columns);
        return vector ? square[at]! : meanOf(raised.slice(i * columns, (i + 1) * columns));
      });
      const columnMean = raised.map((_, at) =>
        vector ? square[at]! : meanOf(raised.filter((_, other) => other % columns === at % columns)),
      );
      momentum.forEach((decay, d) => (m[d] = m[d]!.map((x, i) => x * decay + g[i]! * (1 - decay))));
      v = v.map((x, i) => x * second! + square[i]! * (1 - second!));
      factored.forEach((decay, d) => {
        R[d] = R[d]!.map((x, i) => x * decay + rowMean[i]! * (1 - decay));
        C[d] = C[d]!.map((x, i) => x * decay + columnMean[i]! * (1 - decay));
      });
      const inverse = v.map((x) => 1 / Math.sqrt(x + 1e-6));
      const root = (x: number) => 1 / Math.sqrt(Math.max(x, 1e-9));
      const factor = R.map((r, d) => {
        const mean = meanOf(r.filter((_, at) => at % columns === 0));
        return r.map((x, at) => (vector ? 1 / Math.sqrt(x + 1e-9) : root(x / (mean + 1e-9)) * root(C[d]![at]!)));
      });
      const by = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x * b[i]!);
      const roots = (list: readonly number[][]) => list.map((x) => x.map((y) => 1 / Math.sqrt(y + 1e-8)));
      const own = [g, w, ...m, v, ...m.map((x) => by(x, inverse)), inverse];
      const seen = [...own, ...factor.map((f) => by(g, f)), ...factor.map((f, d) => by(m[d]!, f))];
      const features = [...seen, ...R, ...roots(R), ...C, ...roots(C)];
      const step = learnedStep(meta, features, k);
      w = w.map((x, i) => x - step[i]!);
    });
    return w;
  };
