/** @file What recognition gives: an architecture, and where each of its parameters stands in the file. */
import type { Architecture } from '@weightspace/architecture';

/** One step from a tensor of the file to a parameter; `gather` takes these indices of an axis, in this order. */
export type Step =
  | { readonly transpose: readonly number[] }
  | { readonly reshape: readonly number[] }
  | { readonly gather: { readonly axis: number; readonly order: readonly number[] } };

/** Where a parameter of the architecture stands in the file. */
export interface ParameterSource {
  /** Of the architecture. */
  readonly parameter: string;
  /** Of the file; where that has none, all values are `constant`. */
  readonly tensor: string | undefined;
  readonly constant?: number;
  /** From the tensor as it is stored to the parameter, in this order; [] where both are alike. */
  readonly steps: readonly Step[];
  /** Other tensors of the file that hold the same values: tied weights. */
  readonly copies: readonly string[];
}

export interface RecognizedNetwork {
  /** The naming scheme that fits, e.g. 'torchvision-resnet', or 'keras'. */
  readonly scheme: string;
  readonly architecture: Architecture;
  readonly sources: readonly ParameterSource[];
  /** Tensors of the file that symmetries leave as they are: counters, masks, an optimizer's state. */
  readonly carried: readonly string[];
  /** What is assumed where names and shapes don't say it. */
  readonly notes: readonly string[];
}
