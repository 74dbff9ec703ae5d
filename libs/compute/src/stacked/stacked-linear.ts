/** @file One linear layer of each of N networks at once. */
import { bindShapes } from '../shape-error.ts';
import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';

/**
 * Applies N linear layers, one of each of N stacked networks.
 *
 *     y[n,p] = x[n,p] · w[n]ᵀ + b[n]
 *
 * Letters: N networks, P points, I inputs, O outputs.
 *
 * @param x inputs; shape `[N, P, I]`, or `[P, I]` when all networks see the same
 * @param w_noi weights; shape `[N, O, I]`
 * @param b_no biases; shape `[N, O]`; none when absent
 * @returns shape `[N, P, O]`
 * @throws {ShapeError} when the shapes disagree
 * Departs: nothing; `torch.func.vmap` of `nn.Linear` gives the same.
 */
export function stackedLinear(x: Tensor, w_noi: Tensor, b_no?: Tensor): Tensor {
  const shared = x.rank === 2;
  const { N, O } = bindShapes('stackedLinear', [
    ['x', x.shape, shared ? ['P', 'I'] : ['N', 'P', 'I']],
    ['w', w_noi.shape, ['N', 'O', 'I']],
    ...(b_no ? ([['b', b_no.shape, ['N', 'O']]] as const) : []),
  ]) as { N: number; O: number };
  return tf.tidy(() => {
    const x_npi = shared ? tf.expandDims(x, 0) : x;
    const y_npo = tf.matMul(x_npi, w_noi, false, true);
    return b_no ? tf.add(y_npo, tf.reshape(b_no, [N, 1, O])) : y_npo;
  });
}
