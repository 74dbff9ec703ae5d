/** @file What an axis of a tensor is labelled with. */

/** A leaf space in one `LabelSolver`. */
export type LeafId = number;

/** Row-major: the slowest factor first. */
export type Product = readonly LeafId[];

/**
 * The label of an axis: what lies along it, one segment after the other; each is a product of leaf spaces.
 *
 *     a hidden layer               [[h1]]
 *     q, k and v in one matrix     [[head, qk], [head, qk], [head, vo]]
 *     gates of an LSTM             [[gate, n]]
 *     flattened channels           [[c, position]]
 *     concatenation                [[a], [b]]
 */
export type Label = readonly Product[];

/**
 * What the members of a space are. Only a 'neuron' may have sign, scale and phase.
 *
 * 'group': blocks of channels that move as one. 'multiplier': outputs of one channel of a depthwise convolution.
 * 'index': copies of the same neurons, one after the other.
 */
export type SpaceKind = 'neuron' | 'head' | 'group' | 'multiplier' | 'kernel' | 'position' | 'token' | 'gate' | 'index';

export interface LeafOptions {
  /** The space is called so if nothing that was added earlier turns out to be the same. */
  readonly name?: string;
  readonly size: number;
  readonly kind?: SpaceKind;
  /** Whether the order is arbitrary; true unless said otherwise. */
  readonly free?: boolean;
  /** One order for each member of this leaf, independent of the others. */
  readonly within?: LeafId;
  /** Nothing is known yet of what it is within: it takes that of the first leaf it is united with that isn't open. */
  readonly open?: boolean;
}

/** Labels were put together in a way that no axis allows, e.g. with sizes that differ. */
export class LabelError extends Error {
  override readonly name = 'LabelError';
  readonly fn: string;

  constructor(fn: string, message: string) {
    super(`${fn}: ${message}`);
    this.fn = fn;
  }
}
