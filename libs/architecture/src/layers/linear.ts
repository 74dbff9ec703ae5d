import { tf } from '@weightspace/compute';

import { flag, wholeNumber } from '../checks.ts';
import { linearStacked } from '../stacked.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind, ParameterDeclaration } from './layer-kind.ts';

/**
 * y = W x + b at every position, with W `[out, in]` and b `[out]`; settings: size (neurons written), bias (true unless
 * said otherwise).
 *
 * Symmetry: the rows of W and b go with the output's neurons, the columns of W with the input's.
 */
export const linear: LayerKind = {
  kind: 'linear',
  settings: ({ size, bias = true }, place) => ({
    size: wholeNumber(`${place}.size`, size),
    bias: flag(`${place}.bias`, bias),
  }),
  declare: (layer, { inputs, labels, place }) => {
    needInputs(layer, place, 1, 1);
    const [x] = inputs;
    const [size, fan] = [layer['size'] as number, { in: x!.size, out: layer['size'] as number }];
    const label = labels.space({ name: layer.output, size });
    const out = { label, role: 'out' } as const;
    const weight: ParameterDeclaration = {
      name: 'weight',
      kind: 'weight',
      axes: [out, { label: x!.label, role: 'in' }],
      fan,
    };
    const bias: ParameterDeclaration = { name: 'bias', kind: 'bias', axes: [out], fan };
    return { label, parameters: layer['bias'] === true ? [weight, bias] : [weight] };
  },
  apply: (_, { weight, bias }, [x], gain, { inputs }) => {
    const scaled = (t: typeof weight) => (t === undefined || gain === 1 ? t : tf.mul(t, gain));
    return linearStacked(x!, scaled(weight)!, scaled(bias), inputs[0]!.positions);
  },
};
registerLayerKind(linear);
