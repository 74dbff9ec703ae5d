import { tf } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { flag, wholeNumber } from '../checks.ts';
import { linearStacked, withNetworks } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind, ParameterDeclaration } from './layer-kind.ts';

/**
 * A linear map on sets that ignores the order of their elements.
 *
 *     y[t] = weight · x[t] + mean_weight · mean_s(x[s]) + bias
 *
 * Settings: size (channels written), bias (true). Reads a value whose one position axis holds the elements.
 * Symmetry: in weight space, both weights' rows go with the output's channels, their columns with the input's; on inputs,
 * equivariant to the order of elements.
 * Source: Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, lemma 3.
 * Departs: mean in place of sum, so that its scale doesn't grow with the set.
 */
export const equivariantLinear: LayerKind = {
  kind: 'equivariant-linear',
  settings: ({ size, bias = true }, place) => ({
    size: wholeNumber(`${place}.size`, size),
    bias: flag(`${place}.bias`, bias),
  }),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 1, 1);
    const { positions, size: read, label: columns } = inputs[0]!;
    if (positions.length !== 1) {
      const expected = 'a value with one position axis, for the elements of a set';
      throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, expected, positions);
    }
    const size = layer['size'] as number;
    const label = labels.space({ name: layer.output, size });
    const out = { label, role: 'out' } as const;
    const fan = { in: 2 * read, out: size };
    const weights = ['weight', 'mean_weight'].map((name): ParameterDeclaration => {
      return { name, kind: 'weight', axes: [out, { label: columns, role: 'in' }], fan };
    });
    const bias: ParameterDeclaration = { name: 'bias', kind: 'bias', axes: [out], fan };
    return { label, parameters: layer['bias'] === true ? [...weights, bias] : weights };
  },
  apply: (_, { weight, mean_weight: mean, bias }, [x], gain, { inputs }) => {
    const { positions } = inputs[0]!;
    const scaled = (t: tf.Tensor) => (gain === 1 ? t : tf.mul(t, gain));
    const own = linearStacked(x!, scaled(weight!), bias && scaled(bias), positions);
    const pooled = tf.mean(withNetworks(x!, positions), [2]);
    const count = own.shape[0]!;
    const all = pooled.shape[0] === count ? pooled : tf.tile(pooled, [count, 1, 1]);
    return tf.add(own, tf.expandDims(linearStacked(all, scaled(mean!), undefined, []), 2));
  },
};
registerLayerKind(equivariantLinear);
