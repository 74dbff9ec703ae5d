import { activationOf } from '../activations.ts';
import type { Activation } from '../activations.ts';
import { LayerReading } from '../keras-layer.ts';
import type { KerasValue, LayerReader } from '../keras-layer.ts';
import '../kinds/prelu.ts';

const active = (at: LayerReading, activation: Activation): KerasValue => {
  if (activation === 'identity') return at.x;
  return { ...at.x, value: at.add('activation', [at.x], { activation }, {}) };
};

export const activation: LayerReader = (at) => active(at, activationOf(at));

/** ReLU with its options: a largest value of 6, or a slope below 0. */
export const relu: LayerReader = (at) => {
  const most = at.config['max_value'] ?? undefined;
  const slope = at.number('negative_slope', 0);
  if (at.number('threshold', 0) !== 0) at.fail('threshold', '0', at.config['threshold']);
  if (most === undefined) return active(at, slope === 0 ? 'relu' : { kind: 'leaky-relu', slope });
  if (most !== 6 || slope !== 0) at.fail('max_value', '6, without a slope', most);
  return active(at, 'relu6');
};

export const leakyRelu: LayerReader = (at) =>
  active(at, { kind: 'leaky-relu', slope: at.number('negative_slope', at.number('alpha', 0.3)) });

export const elu: LayerReader = (at) => {
  if (at.number('alpha', 1) !== 1) at.fail('alpha', '1', at.config['alpha']);
  return active(at, 'elu');
};

export const softmax: LayerReader = (at) => {
  const axis = at.config['axis'] ?? -1;
  if (axis !== -1 && axis !== at.x.positions.length + 1) at.fail('axis', 'the channels', axis);
  return active(at, 'softmax');
};

/** PReLU: a slope for each channel where positions share them, else for each channel at each position. */
export const prelu: LayerReader = (at) => {
  const { x } = at;
  const axes = at.config['shared_axes'];
  const list = Array.isArray(axes) ? (axes as unknown[]) : [];
  const shared = x.positions.length === list.length;
  if (!shared && list.length > 0) at.fail('shared_axes', 'all positions or none', axes);
  const steps = shared ? [{ reshape: [x.channels] }, ...LayerReading.reordered(x, 0)] : [];
  return { ...x, value: at.add('prelu', [x], { shared }, { weight: at.weight('alpha', 0, steps) }) };
};
