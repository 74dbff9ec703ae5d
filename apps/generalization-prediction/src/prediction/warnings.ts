/** @file Why a prediction may not be trusted. */
import type { Architecture } from '@weightspace/architecture';
import type { NdArrays } from '@weightspace/compute';

import { architectureColumns } from '../zoo/architecture-columns.ts';
import { placementOf } from './distribution.ts';
import type { Placement } from './distribution.ts';
import type { Predictor } from './saved-predictor.ts';
import { featureNames, weightFeatures } from './weight-features.ts';

export interface Familiarity {
  readonly placement: Placement;
  /** Whether networks of this architecture were trained on. */
  readonly seen: boolean;
  /** In words; none where the network is like those of the training. */
  readonly warnings: readonly string[];
}

/** A network that is further out than this share of the training networks is told. */
const FAR = 0.99;

export function familiarity(predictor: Predictor, architecture: Architecture, weights: NdArrays, row = 0): Familiarity {
  const features = weightFeatures(architecture, weights)[row]!;
  const placement = placementOf(predictor.distribution, features);
  const seen = predictor.trained.includes(architecture.signature);
  return {
    placement,
    seen,
    warnings: [...(seen ? [] : [unseen(predictor, architecture)]), ...outside(predictor, placement)],
  };
}

function unseen({ architectures, trained }: Predictor, architecture: Architecture): string {
  const own = architectures.filter(({ signature }) => trained.includes(signature));
  const beyond = ['depth', 'width', 'parameters'].flatMap((name) => {
    const of = architectureColumns[name]! as (architecture: Architecture) => number;
    const values = own.map(of);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const value = of(architecture);
    if (value >= low && value <= high) return [];
    return [`${name} ${value} where training had ${low === high ? low : `${low} to ${high}`}`];
  });
  const activation = architectureColumns['activation']!(architecture);
  const known = [...new Set(own.map((one) => architectureColumns['activation']!(one)))];
  const parts = known.includes(activation)
    ? beyond
    : [...beyond, `activation ${activation} where training had ${known.join(', ')}`];
  return `no network of this architecture was trained on${parts.length > 0 ? `: ${parts.join('; ')}` : ''}`;
}

function outside({ distribution }: Predictor, { distance, further, beyond }: Placement): string[] {
  const [median, most] = [distribution.quantiles[50]!, distribution.quantiles.at(-1)!];
  const far =
    further >= FAR
      ? [
          `its weights are ${distance.toFixed(1)} from the training networks (Mahalanobis distance; half of them are within ${median.toFixed(1)}, all within ${most.toFixed(1)})`,
        ]
      : [];
  return [
    ...far,
    ...beyond.map(({ feature, value, deviations }) => {
      const [low, high] = [distribution.low[feature]!, distribution.high[feature]!];
      return `${featureNames[feature]} is ${value.toFixed(2)}, outside of ${low.toFixed(2)} to ${high.toFixed(2)} (${deviations > 0 ? '+' : ''}${deviations.toFixed(1)} deviations)`;
    }),
  ];
}
