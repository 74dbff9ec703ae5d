/** @file The initializations. Bounds and deviations are per layer; n_in and n_out are its fans. */
import type { RandomStream } from '@weightspace/compute';
import { sizeOf } from '@weightspace/compute';

import type { ActivationSpec } from '../activations/activation.ts';
import { registerInitialization } from './recipe.ts';
import type { Initialization, StartContext } from './recipe.ts';

const uniform = (stream: RandomStream, { shape }: StartContext, bound: number) =>
  stream.uniform(shape, -bound, bound).data;
const normal = (stream: RandomStream, { shape }: StartContext, deviation: number) =>
  stream.normal(shape, 0, deviation).data;
const zeros = ({ shape }: StartContext) => new Float32Array(sizeOf(shape));

/** √6/√n_in/ω: the bound at which a sine layer keeps the spread of its input. */
const sirenBound = ({ fan, omega }: StartContext): number => Math.sqrt(6 / fan.in) / omega;
const torchBound = ({ fan }: StartContext): number => 1 / Math.sqrt(fan.in);

/** By how much a weight must be larger than for a linear layer, as PyTorch's `calculate_gain`. */
function gainOf(activation: ActivationSpec): number {
  if (activation.kind === 'relu' || activation.kind === 'gelu' || activation.kind === 'silu') return Math.SQRT2;
  if (activation.kind === 'leaky-relu') return Math.sqrt(2 / (1 + activation.slope ** 2));
  return activation.kind === 'tanh' ? 5 / 3 : 1;
}

const scaled = (
  name: string,
  source: string,
  draw: typeof uniform,
  size: (context: StartContext) => number,
): Initialization => ({
  name,
  source,
  draw: (context, stream) =>
    context.kind === 'bias' ? zeros(context) : draw(stream, context, gainOf(context.activation) * size(context)),
});

/** Weights only; biases 0. */
const weights = (
  name: string,
  source: string,
  draw: (context: StartContext, stream: RandomStream) => Float32Array,
): Initialization => ({
  name,
  source,
  draw: (context, stream) => (context.kind === 'bias' ? zeros(context) : draw(context, stream)),
});

/** Normals beyond two deviations are drawn again. */
function truncatedNormal(stream: RandomStream, shape: readonly number[], deviation: number): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length;) {
    for (const value of stream.normalPair()) {
      if (Math.abs(value) <= 2 && i < data.length) data[i++] = value * deviation;
    }
  }
  return data;
}
/** The deviation of a standard normal that is cut at ±2. */
const TRUNCATED = 0.87962566103423978;

/** Rows `[out, …]`, or columns where there are fewer, that are orthonormal: Gram and Schmidt on normals. */
function orthogonal({ shape }: StartContext, stream: RandomStream): Float32Array {
  const out = shape[0]!;
  const read = sizeOf(shape.slice(1));
  const [count, length] = [Math.min(out, read), Math.max(out, read)];
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const vector = Float64Array.from(stream.normal([length]).data);
    for (const other of vectors) {
      const along = vector.reduce((sum, v, i) => sum + v * other[i]!, 0);
      other.forEach((v, i) => (vector[i]! -= along * v));
    }
    const norm = Math.hypot(...vector);
    // Among normals of whole dimension a vector within the span of the others has probability 0.
    if (norm > 1e-6) vectors.push(vector.map((v) => v / norm));
  }
  const wide = out <= read;
  return Float32Array.from({ length: out * read }, (_, i) => {
    const [row, column] = [Math.floor(i / read), i % read];
    return wide ? vectors[row]![column]! : vectors[column]![row]!;
  });
}

const all: readonly Initialization[] = [
  {
    name: 'siren',
    source: 'Sitzmann et al. 2020, arXiv:2006.09661, section 3.2; biases as PyTorch nn.Linear',
    draw: (context, stream) => {
      if (context.kind === 'bias') return uniform(stream, context, torchBound(context));
      return uniform(stream, context, context.first ? 1 / context.fan.in : sirenBound(context));
    },
  },
  {
    name: 'dws-siren',
    source: 'Navon et al. 2023, arXiv:2301.12780: the SIREN bound in the first layer too, biases 0',
    draw: (context, stream) =>
      context.kind === 'bias' ? zeros(context) : uniform(stream, context, sirenBound(context)),
  },
  {
    name: 'torch-linear',
    source: 'PyTorch nn.Linear: U(±1/√n_in) for weights and biases',
    draw: (context, stream) => uniform(stream, context, torchBound(context)),
  },
  scaled('kaiming-uniform', 'He et al. 2015, arXiv:1502.01852, eq. 10; biases 0', uniform, ({ fan }) =>
    Math.sqrt(3 / fan.in),
  ),
  scaled('kaiming-normal', 'He et al. 2015, arXiv:1502.01852, eq. 10; biases 0', normal, ({ fan }) =>
    Math.sqrt(1 / fan.in),
  ),
  scaled('xavier-uniform', 'Glorot and Bengio 2010, eq. 16; biases 0', uniform, ({ fan }) =>
    Math.sqrt(6 / (fan.in + fan.out)),
  ),
  scaled('xavier-normal', 'Glorot and Bengio 2010, eq. 12; biases 0', normal, ({ fan }) =>
    Math.sqrt(2 / (fan.in + fan.out)),
  ),
  weights(
    'he-normal',
    'Keras he_normal: truncated normal of variance 2/n_in, whatever the activation',
    (context, stream) => truncatedNormal(stream, context.shape, Math.sqrt(2 / context.fan.in) / TRUNCATED),
  ),
  weights('glorot-normal', 'Keras glorot_normal: truncated normal of variance 2/(n_in + n_out)', (context, stream) =>
    truncatedNormal(stream, context.shape, Math.sqrt(2 / (context.fan.in + context.fan.out)) / TRUNCATED),
  ),
  weights('orthogonal', 'Saxe et al. 2014, arXiv:1312.6120; Keras orthogonal, gain 1', orthogonal),
  weights('normal', 'N(0, 1), to be scaled; Keras random_normal', (context, stream) => normal(stream, context, 1)),
  weights('truncated-normal', 'N(0, 1) within ±2, to be scaled; Keras truncated_normal', (context, stream) =>
    truncatedNormal(stream, context.shape, 1),
  ),
];
all.forEach(registerInitialization);
