/** @file How wide parameters start: every recipe is a bound on uniform numbers. */
import type { InitContext } from './layers/layer-kind.ts';

export interface Bounds {
  /** Weights are uniform in ±weight, biases in ±bias. */
  readonly weight: number;
  readonly bias: number;
}

/** Initializations by name; a new one is one line. */
export const initializations: {
  readonly [name: string]: (context: InitContext & { readonly fanIn: number }) => Bounds;
} = {
  /** PyTorch's `nn.Linear`: U(±1/√fan-in) for both. */
  'torch-linear': ({ fanIn }) => ({ weight: 1 / Math.sqrt(fanIn), bias: 1 / Math.sqrt(fanIn) }),
  /** Sitzmann et al. 2020, arXiv:2006.09661, section 3.2: the first layer ±1/fan-in, others ±√(6/fan-in)/ω₀; biases as `nn.Linear`. */
  siren: ({ fanIn, first, omega = 30 }) => ({
    weight: first ? 1 / fanIn : Math.sqrt(6 / fanIn) / omega,
    bias: 1 / Math.sqrt(fanIn),
  }),
  /** DWSNets' zoo (Navon et al. 2023, arXiv:2301.12780): ±√(6/fan-in)/ω₀ in every layer, biases 0. */
  'dws-siren': ({ fanIn, omega = 30 }) => ({ weight: Math.sqrt(6 / fanIn) / omega, bias: 0 }),
  /** He et al. 2015, arXiv:1502.01852, for ReLU: ±√(6/fan-in), biases 0. */
  'kaiming-uniform': ({ fanIn }) => ({ weight: Math.sqrt(6 / fanIn), bias: 0 }),
};
