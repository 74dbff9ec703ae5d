/** @file SIRENs evaluated on all pixels of an image, many networks at once. */
import { sizeOf, tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

export interface GridSiren {
  /** Neurons per layer; the first is 2. */
  readonly sizes: readonly number[];
  readonly omega: number;
  readonly outputOffset: number;
  readonly rows: number;
  readonly columns: number;
}

/** Shapes of `W₁, b₁, W₂, …`, each `[out, in]` or `[out]`, in the order in which a flat row holds them. */
export const sirenShapes = (sizes: readonly number[]): number[][] =>
  sizes.slice(1).flatMap((out, i) => [[out, sizes[i]!], [out]]);

const pixels = (n: number): Tensor => (n === 1 ? tf.zeros([1]) : tf.linspace(-1, 1, n));

/**
 * Renders N SIRENs on the pixels of an image.
 *
 * On a grid the first layer separates: sin(ω(u r + v c + b)) = sin α cos β + cos α sin β with α = ω u r and
 * β = ω(v c + b). So it takes the sines of rows and of columns in place of those of all pixels, and one product of
 * rank 2 per neuron. Sines are most of a fit's cost, so this saves a quarter of it; autodiff's backward gets it too.
 *
 * Letters: N networks, F parameters of one, H neurons, R rows, C columns, P = R·C pixels, O outputs.
 *
 * @param flat_nf parameters, each network's in one row in the order of `sirenShapes`; shape `[N, F]`
 * @returns values; shape `[N, O, P]`
 * Source: Sitzmann et al. 2020, "Implicit Neural Representations with Periodic Activation Functions", arXiv:2006.09661.
 * Departs: nothing; the sums are in another order.
 */
export function renderOnGrid(flat_nf: Tensor, siren: GridSiren): Tensor {
  const { sizes, omega, rows, columns, outputOffset } = siren;
  const [N, P] = [flat_nf.shape[0]!, rows * columns];
  const shapes = sirenShapes(sizes);
  const parts = tf.split(flat_nf, shapes.map(sizeOf), 1);
  const parameter = (i: number, shape: readonly number[]) => tf.reshape(parts[i]!, [N, ...shape]);
  let x_nhp = firstLayer(parameter(0, shapes[0]!), parameter(1, [sizes[1]!, 1]), omega, rows, columns);
  for (let layer = 1; layer < sizes.length - 1; layer++) {
    const last = layer === sizes.length - 2;
    const scale = last ? 1 : omega;
    const weight = tf.mul(parameter(2 * layer, shapes[2 * layer]!), scale);
    const bias = tf.mul(parameter(2 * layer + 1, [sizes[layer + 1]!, 1]), scale);
    const z_nhp = tf.add(tf.matMul(weight, x_nhp), bias);
    x_nhp = last ? z_nhp : tf.sin(z_nhp);
  }
  return tf.reshape(tf.add(x_nhp, outputOffset), [N, sizes.at(-1)!, P]);
}

function firstLayer(w_nh2: Tensor, b_nh1: Tensor, omega: number, rows: number, columns: number): Tensor {
  const [N, H] = w_nh2.shape as [number, number];
  const [u_nh1, v_nh1] = tf.split(tf.mul(w_nh2, omega), 2, 2) as [Tensor, Tensor];
  const alpha_nhr = tf.mul(u_nh1, tf.reshape(pixels(rows), [1, 1, rows]));
  const beta_nhc = tf.add(tf.mul(v_nh1, tf.reshape(pixels(columns), [1, 1, columns])), tf.mul(b_nh1, omega));
  const ofRows = tf.stack([tf.sin(alpha_nhr), tf.cos(alpha_nhr)], 3);
  const ofColumns = tf.stack([tf.cos(beta_nhc), tf.sin(beta_nhc)], 2);
  return tf.reshape(tf.matMul(ofRows, ofColumns), [N, H, rows * columns]);
}
