import { stackedLinear, tf } from '@weightspace/compute';

import { flag, wholeNumber } from '../checks.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { LayerKind, ParameterDeclaration } from './layer-kind.ts';

/**
 * y = W x + b, with W `[out, in]` and b `[out]`; settings: size (neurons written), bias (true unless said otherwise).
 *
 * Symmetry: the rows of W and b go with the output's neurons, the columns of W with the input's.
 */
export const linear: LayerKind = {
  kind: 'linear',
  settings: ({ size, bias = true }, place) => ({
    size: wholeNumber(`${place}.size`, size),
    bias: flag(`${place}.bias`, bias),
  }),
  declare: (layer, sizes, place) => {
    needInputs(layer, place, 1, 1);
    const [size, fan] = [layer['size'] as number, { in: sizes[0]!, out: layer['size'] as number }];
    const out = { value: layer.output, role: 'out' } as const;
    const weight: ParameterDeclaration = {
      name: 'weight',
      kind: 'weight',
      axes: [out, { value: layer.inputs[0]!, role: 'in' }],
      fan,
    };
    const bias: ParameterDeclaration = { name: 'bias', kind: 'bias', axes: [out], fan };
    return { size, parameters: layer['bias'] === true ? [weight, bias] : [weight], unify: [] };
  },
  apply: (_, { weight, bias }, [x], gain) => {
    const scaled = (t: typeof weight) => (t === undefined || gain === 1 ? t : tf.mul(t, gain));
    return stackedLinear(x!, scaled(weight)!, scaled(bias));
  },
};
registerLayerKind(linear);
