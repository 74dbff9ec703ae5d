/** @file Attention between the parameters of a network. */
import { tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { attention, joinHeads, splitHeads } from '../../layers/attention.ts';
import { dense, denseParameters } from '../../layers/dense.ts';
import type { Layout, TensorLayout } from '../../blocks/layout.ts';
import type { ChainLayer } from './chain.ts';

/** Whether one projection serves all parameters; kernels have channels of their own. */
const isShared = ({ tensors }: Layout): boolean => tensors.every((t) => t.folded === 1);
const projectionOf = (name: string, layout: Layout, t: TensorLayout): string =>
  isShared(layout) ? `${name}.qkv` : `${name}.${t.name}.qkv`;

/**
 * `<name>.qkv`, one map to queries, keys and values for all parameters; where kernels are folded, one per parameter
 * (`<name>.<tensor>.qkv`), and for each weight a map back to its channels (`<name>.<weight>.out`).
 */
export function npAttentionParameters(
  name: string,
  layout: Layout,
  channels: number,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  if (isShared(layout)) return denseParameters(`${name}.qkv`, channels, 3 * channels, stream);
  return Object.assign(
    {},
    ...layout.tensors.map((t) => ({
      ...denseParameters(projectionOf(name, layout, t), t.folded * channels, 3 * channels, stream),
      ...(t.spaces.length === 2 ? denseParameters(`${name}.${t.name}.out`, channels, t.folded * channels, stream) : {}),
    })),
  ) as Record<string, NdArray<'float32'>>;
}

/**
 * Attention between parameters that commutes with permuting the neurons of every layer.
 *
 *     (a) among the 2L tokens A_l, β_l, the means of W_l and b_l; each answer is added to all entries of its parameter
 *     (b) for each layer i of neurons, inputs and outputs among them: the tokens are the columns of W_i, b_i, and the
 *         rows of W_(i+1); products run over channels and the n_i neurons, softmax(q·k / √(c n_i)); answers are added to
 *         the columns, the bias and the rows
 *
 * Per layer of neurons one transposition brings the tokens of all heads into place; its two products have the heads in
 * their batch. No product is over pairs of neurons of different layers.
 *
 * Letters: B batch, H heads, c channels of a head, C = H c, T tokens of a layer of neurons, n its neurons.
 *
 * @param layout with all spaces permutable @param chain its layers
 * @param x features by parameter; shape `[B, …permutable axes, folded · C]`
 * @returns features by parameter; the same shapes
 * Symmetry: equivariant to permutations of every space of the layout.
 * Source: Zhou et al. 2023, "Neural Functional Transformers", arXiv:2305.13546, eq. 4 to 6.
 * Departs: no dropout of attention weights, since its mask over pairs of neurons would not move with them; where kernels
 *   are folded, a weight's answers are summed before the one map to its channels, and not mapped one by one.
 */
export function npAttention(
  params: Tensors,
  name: string,
  layout: Layout,
  chain: readonly ChainLayer[],
  heads: number,
  x: Tensors,
): Record<string, Tensor> {
  const project = (t: TensorLayout, value: Tensor) => dense(params, projectionOf(name, layout, t), value);
  const qkv = new Map(layout.tensors.map((t) => [t, project(t, x[t.name]!)]));
  const whole = attendWhole(layout, heads, (t) => project(t, meanOf(x[t.name]!)));
  const around = attendAround(chain, heads, qkv);
  return Object.fromEntries(
    layout.tensors.map((t) => {
      const found = around.get(t)!;
      const base = tf.reshape(whole.get(t)!, [found[0]!.shape[0]!, ...t.spaces.map(() => 1), -1]);
      const sum = found.slice(1).reduce((a, b) => tf.add(a, b), tf.add(found[0]!, base) as Tensor);
      const back = isShared(layout) || t.spaces.length < 2 ? sum : dense(params, `${name}.${t.name}.out`, sum);
      return [t.name, back];
    }),
  );
}

/** Over all entries; one axis at a time, since the second mean is over little. */
const meanOf = (x: Tensor): Tensor =>
  Array.from({ length: x.rank - 2 }, (_, i) => x.rank - 2 - i).reduce((y, axis) => tf.mean(y, axis) as Tensor, x);

/** Term (a). @returns by tensor; shape `[B, 1, C]` */
function attendWhole(
  { tensors }: Layout,
  heads: number,
  project: (t: TensorLayout) => Tensor,
): Map<TensorLayout, Tensor> {
  const tokens = tf.stack(tensors.map(project), 1);
  const [q, k, v] = splitHeads(tokens, heads, 3);
  const answers = tf.split(joinHeads(attention(q!, k!, v!)), tensors.length, 1);
  return new Map(tensors.map((t, i) => [t, answers[i]!]));
}

/** Columns of the weight that writes a layer's neurons, its bias, rows of the weight that reads them; the first or the last lacks one side. */
interface Tokens {
  readonly tensor: TensorLayout;
  readonly count: number;
  /** `[B, count, n, 3C]` */
  readonly value: Tensor;
  /** From `[B, count, n, C]` to the tensor's shape. */
  readonly back: (y: Tensor) => Tensor;
}

const swap = (x: Tensor): Tensor => tf.transpose(x, [0, 2, 1, 3]);

function tokensOf(i: number, chain: readonly ChainLayer[], qkv: ReadonlyMap<TensorLayout, Tensor>): Tokens[] {
  const [writer, reader] = [chain[i - 1], chain[i]];
  const all: Tokens[] = [];
  if (writer) {
    const [weight, bias] = [qkv.get(writer.weight)!, qkv.get(writer.bias)!];
    const [B, n, width] = bias.shape as [number, number, number];
    all.push(
      { tensor: writer.weight, count: weight.shape[2]!, value: swap(weight), back: swap },
      {
        tensor: writer.bias,
        count: 1,
        value: tf.reshape(bias, [B, 1, n, width]),
        back: (y) => tf.reshape(y, [B, n, width / 3]),
      },
    );
  }
  if (reader) {
    const value = qkv.get(reader.weight)!;
    all.push({ tensor: reader.weight, count: value.shape[1]!, value, back: (y) => y });
  }
  return all;
}

/** Term (b). @returns answers by tensor, two for a weight; in the tensors' shapes, with C channels */
function attendAround(
  chain: readonly ChainLayer[],
  heads: number,
  qkv: ReadonlyMap<TensorLayout, Tensor>,
): Map<TensorLayout, Tensor[]> {
  const found = new Map<TensorLayout, Tensor[]>();
  for (let i = 0; i <= chain.length; i++) {
    const tokens = tokensOf(i, chain, qkv);
    const value: Tensor =
      tokens.length === 1
        ? tokens[0]!.value
        : tf.concat(
            tokens.map((t) => t.value),
            1,
          );
    const parts = splitAnswers(attendOver(value, heads), tokens);
    tokens.forEach(({ tensor, back }, at) => {
      found.set(tensor, [...(found.get(tensor) ?? []), back(parts[at]!)]);
    });
  }
  return found;
}

const splitAnswers = (y: Tensor, tokens: readonly Tokens[]): Tensor[] =>
  tokens.length === 1
    ? [y]
    : tf.split(
        y,
        tokens.map(({ count }) => count),
        1,
      );

/** Softmax attention of tokens whose products run over neurons and channels. @param x `[B, T, n, 3C]` @returns `[B, T, n, C]` */
function attendOver(x: Tensor, heads: number): Tensor {
  const [B, T, n, width] = x.shape as [number, number, number, number];
  const c = width / 3 / heads;
  const placed = tf.transpose(tf.reshape(x, [B, T, n, 3 * heads, c]), [0, 3, 1, 2, 4]);
  const [q, k, v] = tf.split(tf.reshape(placed, [B, 3 * heads, T, n * c]), 3, 1) as [Tensor, Tensor, Tensor];
  const answers = tf.reshape(attention(q, k, v), [B, heads, T, n, c]);
  return tf.reshape(tf.transpose(answers, [0, 2, 3, 1, 4]), [B, T, n, heads * c]);
}
