import type { ActivationSpec } from '@weightspace/architecture';

/** What can't be read from names and shapes, where the user knows it. */
export interface RecognizeOptions {
  /** Attention heads; else channels / 64 where that is whole. */
  readonly heads?: number;
  /** Sizes of the input's positions: [H, W] of images, [tokens], [steps]. */
  readonly positions?: readonly number[];
  /** Of hidden layers, where the scheme doesn't fix it; else none is claimed. */
  readonly activation?: ActivationSpec | ActivationSpec['kind'];
  /** Norms of transformer blocks stand before the branches, or after the sums; where the scheme doesn't fix it. */
  readonly order?: 'pre' | 'post';
  /** What the head of a recurrent network or of a plain encoder reads: every step ('none'), or one vector. */
  readonly pool?: 'none' | 'first' | 'last' | 'mean';
  /** Function of a plain recurrent cell: 'tanh' unless said otherwise. */
  readonly nonlinearity?: 'tanh' | 'relu';
  /** An architecture as JSON, whose parameters are then looked for in the file. */
  readonly architecture?: unknown;
  /** Of the architecture. */
  readonly name?: string;
}
