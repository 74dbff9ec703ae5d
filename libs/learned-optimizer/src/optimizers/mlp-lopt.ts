/** @file The per-parameter MLP. */
import { pointwiseMap } from '../structured/pointwise-map.ts';
import { structuredKind } from '../structured/structured-optimizer.ts';

/**
 * An MLP for each element of each parameter, which sees 19 features: see `structuredKind`.
 *
 * Symmetry: equivariant to any order of a parameter's elements.
 * Source: Metz et al. 2020, learned_optimization's `MLPLOpt`. Departs: nothing.
 */
export const mlpLopt = structuredKind({
  kind: 'mlp-lopt',
  source: "Metz et al. 2020, arXiv:2009.11243; learned_optimization's MLPLOpt",
  settings: {},
  bound: 'width and hiddenLayers must be those it was trained with; any architecture will do',
  create: (_, options) => pointwiseMap(options),
});
