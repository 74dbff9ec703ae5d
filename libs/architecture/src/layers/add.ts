/** @file The sum of values, as a residual connection makes it. */
import { tf } from '@weightspace/compute';
import type { Tensor } from '@weightspace/compute';

import { activate } from '../activation.ts';
import { ArchitectureError } from '../spec.ts';
import { activationSetting } from './layer-kind.ts';
import type { LayerKind } from './layer-kind.ts';

/** The sum of its inputs, which thereby index the same neurons. Setting: `activation` (identity). No parameters. */
export const add: LayerKind = {
  kind: 'add',
  label: ({ layer, inputs, unify }) => {
    const [first, ...rest] = inputs;
    for (const other of rest) {
      if (other.size !== first!.size) {
        throw new ArchitectureError(
          'defineArchitecture',
          `layer '${layer.name}'`,
          `must add values of equal size, got ${inputs.map((s) => s.size).join(' and ')}`,
        );
      }
      unify(first!, other);
    }
    return { parameters: [], output: first! };
  },
  initialize: () => ({}),
  apply: (layer, _, inputs) =>
    activate(
      inputs.reduce((sum, x) => tf.add(sum, x) as Tensor),
      activationSetting(layer),
    ),
};
