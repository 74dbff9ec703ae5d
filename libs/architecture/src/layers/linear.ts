/** @file y = σ(W x + b). */
import { ndarray, stackedLinear } from '@weightspace/compute';
import type { NdArray, RandomStream } from '@weightspace/compute';

import { activate } from '../activation.ts';
import { initializations } from '../initializations.ts';
import type { ParameterSpec } from '../spec.ts';
import { activationSetting, sizeSetting } from './layer-kind.ts';
import type { InitContext, LayerKind } from './layer-kind.ts';

/**
 * A linear layer with an activation. Settings: `size`, `bias` (true), `activation` (identity).
 *
 * Axes: weight `[out, in]`, bias `[out]`.
 */
export const linear: LayerKind = {
  kind: 'linear',
  label: ({ layer, inputs: [input], newSpace }) => {
    const out = newSpace(sizeSetting(layer, 'size'), activationSetting(layer));
    const weight = {
      name: `${layer.name}.weight`,
      kind: 'weight' as const,
      shape: [out.size, input!.size],
      axes: [out, input!],
    };
    const bias = { name: `${layer.name}.bias`, kind: 'bias' as const, shape: [out.size], axes: [out] };
    return { parameters: layer['bias'] === false ? [weight] : [weight, bias], output: out };
  },
  initialize: (parameters, context, stream) => initialize(parameters, context, stream),
  apply: (layer, parameters, [x]) =>
    activate(stackedLinear(x!, parameters['weight']!, parameters['bias']), activationSetting(layer)),
};

function initialize(
  parameters: readonly ParameterSpec[],
  context: InitContext,
  stream: RandomStream,
): Record<string, NdArray<'float32'>> {
  const fanIn = parameters.find((p) => p.kind === 'weight')!.shape[1]!;
  const { weight, bias } = initializations[context.initialization]!({ ...context, fanIn });
  return Object.fromEntries(
    parameters.map((p) => {
      const bound = p.kind === 'weight' ? weight : bias;
      const own = stream.split(p.kind);
      const values =
        bound === 0
          ? ndarray(new Float32Array(p.shape.reduce((n, size) => n * size, 1)), p.shape)
          : own.uniform(p.shape, -bound, bound);
      return [p.name, values];
    }),
  );
}
