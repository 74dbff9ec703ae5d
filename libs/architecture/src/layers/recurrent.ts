/** @file What recurrent cells share: a pass over a sequence, and parameters in PyTorch's layout. */
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { ArchitectureError } from '../architecture-error.ts';
import { choice, flag, wholeNumber } from '../checks.ts';
import type { Fields } from '../checks.ts';
import { linearStacked, stackShared } from '../stacked.ts';
import { needInputs } from './layer-kind.ts';
import type { ApplyContext, DeclareContext, LayerDeclaration, LayerSpec, ParameterDeclaration } from './layer-kind.ts';

export const recurrentSettings = (
  { size, bias = true, reverse = false, gives = 'sequence' }: Fields,
  place: string,
): Fields => ({
  size: wholeNumber(`${place}.size`, size),
  bias: flag(`${place}.bias`, bias),
  reverse: flag(`${place}.reverse`, reverse),
  gives: choice(`${place}.gives`, gives, ['sequence', 'last']),
});

/** Weights `[gates · n, …]` whose rows are gate by gate; all start from U(±1/√n), as PyTorch's. */
export function declareRecurrent(
  layer: LayerSpec,
  gates: number,
  { inputs, labels, place }: DeclareContext,
): Pick<LayerDeclaration, 'label' | 'positions' | 'parameters'> {
  needInputs(layer, place, 1, 1);
  const { positions, size: read, label: columns } = inputs[0]!;
  if (positions.length !== 1) {
    const expected = 'a value with one position axis, for the steps of a sequence';
    throw new ArchitectureError('defineArchitecture', `${place}.inputs[0]`, expected, positions);
  }
  const size = layer['size'] as number;
  const label = labels.space({ name: layer.output, size });
  const gate = labels.space({ name: `${layer.name}.gate`, size: gates, kind: 'gate', free: false });
  const rows = { label: gates === 1 ? label : labels.merge([gate, label]), role: 'out' } as const;
  const start = { uniform: 1 / Math.sqrt(size) };
  const weight = (name: string, of: typeof columns, fanIn: number): ParameterDeclaration => {
    return { name, kind: 'weight', axes: [rows, { label: of, role: 'in' }], fan: { in: fanIn, out: size }, start };
  };
  const bias = (name: string): ParameterDeclaration => {
    return { name, kind: 'bias', axes: [rows], fan: { in: size, out: size }, start };
  };
  const parameters = [weight('weight_ih', columns, read), weight('weight_hh', label, size)];
  const biases = layer['bias'] === true ? [bias('bias_ih'), bias('bias_hh')] : [];
  return { label, positions: layer['gives'] === 'last' ? [] : positions, parameters: [...parameters, ...biases] };
}

/** State after a step, of which `h` `[N, P, n]` is the output. */
export interface RecurrentState {
  readonly h: Tensor;
  readonly c: Tensor;
}

/**
 * @param read what the input adds to the gates `[N, P, gates · n]`
 * @param recurrent what the state adds to the gates, its bias included
 */
export type RecurrentStep = (read: Tensor, recurrent: Tensor, state: RecurrentState) => RecurrentState;

/** Runs the steps one after the other, from a state of 0. */
export function runRecurrent(
  layer: LayerSpec,
  { weight_ih, weight_hh, bias_ih, bias_hh }: Tensors,
  x: Tensor,
  gain: number,
  { count, inputs }: ApplyContext,
  step: RecurrentStep,
): Tensor {
  const { positions } = inputs[0]!;
  const [length, size] = [positions[0]!, layer['size'] as number];
  const reads = tf.unstack(linearStacked(stackShared(x, positions, count), weight_ih!, bias_ih, positions), 2);
  const zero = tf.zeros([count, reads[0]!.shape[1]!, size]);
  let state: RecurrentState = { h: zero, c: zero };
  const outputs: Tensor[] = [];
  for (let i = 0; i < length; i++) {
    const at = layer['reverse'] === true ? length - 1 - i : i;
    state = step(reads[at]!, linearStacked(state.h, weight_hh!, bias_hh, []), state);
    outputs[at] = state.h;
  }
  const y = layer['gives'] === 'last' ? state.h : tf.stack(outputs, 2);
  return gain === 1 ? y : tf.mul(y, gain);
}

/** Cuts `[N, P, gates · n]` into its gates. */
export const splitGates = (x: Tensor, gates: number): Tensor[] => tf.split(x, gates, 2);
