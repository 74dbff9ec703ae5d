/** @file From a vector to the parameters of a network. */
import { initialize } from '@weightspace/architecture';
import type { Architecture, ParameterSpec } from '@weightspace/architecture';
import { ndarray, tf } from '@weightspace/compute';
import type { NdArray, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import { constantParameter, dense, denseParameters } from '../../layers/dense.ts';

export interface HypernetworkSettings {
  /** `each`: a perceptron for each parameter. `shared`: one for all, whose outputs are added to learned parameters. */
  readonly decoder: string;
  /** Width of the hidden layers. */
  readonly hidden: number;
  /** How many follow the first; with `shared`, the first is among them. */
  readonly hiddenLayers: number;
}

type Arrays = Record<string, NdArray<'float32'>>;

const sizeOf = ({ shape }: ParameterSpec): number => shape.reduce((n, size) => n * size, 1);
const layersOf = ({ decoder, hiddenLayers }: HypernetworkSettings): number =>
  decoder === 'each' ? hiddenLayers + 1 : hiddenLayers;

/** `<name>.<parameter>.<layer>`, or `<name>.<layer>`, `<name>.start.<parameter>` and `<name>.scale.<parameter>`. */
export function hypernetworkParameters(
  name: string,
  architecture: Architecture,
  inputs: number,
  settings: HypernetworkSettings,
  stream: RandomStream,
): Arrays {
  const { hidden } = settings;
  const perceptron = (label: string, last: Arrays): Arrays =>
    Object.assign(
      {},
      ...Array.from({ length: layersOf(settings) }, (_, i) =>
        denseParameters(`${label}.${i}`, i === 0 ? inputs : hidden, hidden, stream),
      ),
      last,
    ) as Arrays;
  if (settings.decoder === 'each') {
    const all = architecture.parameters.map((p) => {
      const label = `${name}.${p.name}`;
      return perceptron(label, smallLast(`${label}.out`, hidden, p, stream));
    });
    return Object.assign({}, ...all) as Arrays;
  }
  const start = initialize(architecture, stream.split(`${name}.start`));
  return {
    ...perceptron(name, denseParameters(`${name}.out`, hidden, architecture.parameterCount, stream)),
    ...Object.fromEntries(
      architecture.parameters.flatMap((p): [string, NdArray<'float32'>][] => {
        const values = start[p.name] as NdArray<'float32'>;
        return [
          [`${name}.start.${p.name}`, ndarray(values.data, p.shape)],
          [`${name}.scale.${p.name}`, constantParameter(deviation(values.data), [])],
        ];
      }),
    ),
  };
}

/** Of several values; of a single one its distance from 0. */
function deviation(values: Float32Array): number {
  if (values.length === 1) return Math.abs(values[0]!);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1));
}

/**
 * The last layer at the start: a hundredth of He's weights, and a bias that is a network's start, so that all decoded
 * networks begin as one.
 *
 * Source: Sitzmann et al. 2020, arXiv:2006.09661, the hypernetworks of its public code.
 */
function smallLast(name: string, inputs: number, p: ParameterSpec, stream: RandomStream): Arrays {
  const bound = 1 / (p.kind === 'bias' ? inputs : p.shape.at(-1)!);
  const own = stream.split(name);
  return {
    [`${name}.weight`]: own.split('weight').normal([inputs, sizeOf(p)], 0, Math.sqrt(2 / inputs) / 100),
    [`${name}.bias`]: own.split('bias').uniform([sizeOf(p)], -bound, bound),
  };
}

/**
 * A network's parameters from each of N vectors.
 *
 *     each:    W_p = MLP_p(z);    shared: W_p = start_p + scale_p · MLP(z)_p
 *
 * @param z_nd shape `[N, D]` @returns by parameter; shape `[N, …shape]`
 * Source: Zhou et al. 2023, arXiv:2305.13546, section 3 and appendix; both decoders of its public code. Departs: nothing.
 */
export function hypernetwork(
  params: Tensors,
  name: string,
  architecture: Architecture,
  settings: HypernetworkSettings,
  z_nd: Tensor,
): Record<string, Tensor> {
  const perceptron = (label: string): Tensor => {
    let x = z_nd;
    for (let i = 0; i < layersOf(settings); i++) x = tf.relu(dense(params, `${label}.${i}`, x));
    return dense(params, `${label}.out`, x);
  };
  const shaped = (x: Tensor, { shape }: ParameterSpec): Tensor => tf.reshape(x, [-1, ...shape]);
  const { parameters } = architecture;
  if (settings.decoder === 'each')
    return Object.fromEntries(parameters.map((p) => [p.name, shaped(perceptron(`${name}.${p.name}`), p)]));
  const parts = tf.split(perceptron(name), parameters.map(sizeOf), 1);
  return Object.fromEntries(
    parameters.map((p, i) => {
      const change = tf.mul(shaped(parts[i]!, p), params[`${name}.scale.${p.name}`]!);
      return [p.name, tf.add(params[`${name}.start.${p.name}`]!, change)];
    }),
  );
}
