import type { Draft } from './draft.ts';
import type { RecognizeOptions } from './options.ts';
import type { StateDict } from './state-dict.ts';

/** One way in which networks name their tensors. */
export interface Scheme {
  readonly name: string;
  /** Whether names, and shapes where these tell schemes apart, are of this scheme. */
  readonly matches: (dict: StateDict) => boolean;
  /** @returns the name of the output, and one for the network */
  readonly build: (draft: Draft, options: RecognizeOptions) => { readonly output: string; readonly name: string };
}
