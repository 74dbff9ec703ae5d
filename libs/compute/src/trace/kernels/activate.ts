/** @file What tf.fused adds behind a product or a convolution: a bias and an activation. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import { TraceError } from '../trace-backend.ts';
import type { Attrs, Inputs } from '../trace-backend.ts';
import { elementwise } from './elementwise.ts';

const kernelOf: { readonly [activation: string]: string } = {
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
};

/** @param name of the fused function, for the message */
export function activate(b: Builder, y: Value, inputs: Inputs, attrs: Attrs, name: string): Value {
  const sum = inputs['bias'] ? b.add(y, inputs['bias']) : y;
  const activation: string = attrs['activation'] ?? 'linear';
  if (activation === 'linear') return sum;
  const kernel = elementwise[kernelOf[activation] ?? ''];
  if (!kernel) {
    const instead = 'apply the activation by itself';
    throw new TraceError(`compile: tf.fused.${name} with activation ${activation} can't be compiled; ${instead}`);
  }
  const operands: Inputs = {
    x: sum,
    ...(inputs['preluActivationWeights'] ? { alpha: inputs['preluActivationWeights'] } : {}),
  };
  return kernel(b, operands, { ...attrs, alpha: attrs['leakyreluAlpha'] ?? 0.2 } as never) as Value;
}
