/** @file Signs and phases chosen by a rule before any metanet reads them. */
import { canonicalizeSigns } from '@weightspace/symmetry';

import type { WeightFunction } from './metanet.ts';

/**
 * The same metanet on networks whose signs and phases are canonical, so that it needn't learn these symmetries from
 * augmented copies. Not for editors: their changes would be those of other signs.
 *
 * Scales that are measured before training are those of the networks as they are given.
 * Symmetry: invariant to what the metanet is invariant to, and to signs and phases (`canonicalizeSigns` says where not).
 * Source: none; see `canonicalizeSigns`. Departs: nothing.
 */
export function withCanonicalSigns<Model extends WeightFunction<unknown>>(model: Model): Model {
  const { calibrate } = model;
  const canonical: Partial<WeightFunction<unknown>> = {
    apply: (params, fixed, weights, noise) =>
      model.apply(params, fixed, canonicalizeSigns(model.architecture, weights), noise),
    ...(calibrate && {
      calibrate: (params, fixed, weights, noise) =>
        calibrate(params, fixed, canonicalizeSigns(model.architecture, weights), noise),
    }),
  };
  return { ...model, ...canonical };
}
