/** @file Networks that are one layer after another. */
import type { Layout, TensorLayout } from '../../blocks/layout.ts';
import { MetanetError } from '../../metanet.ts';

export interface ChainLayer {
  /** Axes: neurons of this layer, neurons of the one before. */
  readonly weight: TensorLayout;
  readonly bias: TensorLayout;
}

/**
 * @returns the layers in order; each reads the neurons that the one before wrote
 * @throws {MetanetError} when the network is something else
 */
export function chainOf(kind: string, { tensors }: Layout): readonly ChainLayer[] {
  const refuse = (found: string) =>
    new MetanetError(
      kind,
      `must get a chain of linear or convolutional layers, each a weight and a bias, got ${found}; use unf for other networks`,
    );
  const weights = tensors.filter((t) => t.spaces.length === 2);
  const [odd] = tensors.filter((t) => t.spaces.length !== 2 && !(t.spaces.length === 1 && t.folded === 1));
  if (odd) throw refuse(`'${odd.name}' with axes [${odd.spaces.join(', ')}]`);
  if (weights.length === 0) throw refuse('no weight');
  let before: string | undefined;
  const layers = weights.map((weight): ChainLayer => {
    const [out, into] = weight.spaces as [string, string];
    if (before !== undefined && into !== before)
      throw refuse(`'${weight.name}', which reads ${into} and not ${before}`);
    before = out;
    const biases = tensors.filter((t) => t.spaces.length === 1 && t.spaces[0] === out);
    if (biases.length !== 1) throw refuse(`${biases.length} biases beside '${weight.name}'`);
    return { weight, bias: biases[0]! };
  });
  if (tensors.length !== 2 * layers.length) throw refuse('a bias that no weight writes to');
  return layers;
}
