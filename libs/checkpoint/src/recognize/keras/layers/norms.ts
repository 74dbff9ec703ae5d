import { LayerReading } from '../keras-layer.ts';
import type { LayerReader } from '../keras-layer.ts';

/** Scale and shift, or the numbers that stand for those that are switched off. */
function scaleAndShift(at: LayerReading) {
  const steps = LayerReading.reordered(at.x, 0);
  const [scale, center] = [at.flag('scale', true), at.flag('center', true)];
  const weight = scale ? at.weight('gamma', 0, steps) : 1;
  const bias = center ? at.weight('beta', scale ? 1 : 0, steps) : 0;
  return { origins: { weight, bias }, next: Number(scale) + Number(center), steps };
}

/** @throws {RecognitionError} unless the norm is along the channels alone */
function checkAxis(at: LayerReading): void {
  const axis = at.config['axis'] ?? -1;
  const [only, ...others] = Array.isArray(axis) ? (axis as unknown[]) : [axis];
  const last = at.x.positions.length + 1;
  if (others.length > 0 || (only !== -1 && only !== last)) at.fail('axis', `${last}, the channels`, axis);
}

/** BatchNormalization: gamma, beta, moving_mean, moving_variance. */
export const batchNormalization: LayerReader = (at) => {
  checkAxis(at);
  const { origins, next, steps } = scaleAndShift(at);
  const statistics = {
    running_mean: at.weight('moving_mean', next, steps),
    running_var: at.weight('moving_variance', next + 1, steps),
  };
  const value = at.add('batch-norm', [at.x], { epsilon: at.number('epsilon', 1e-3) }, { ...origins, ...statistics });
  return { ...at.x, value };
};

export const layerNormalization: LayerReader = (at) => {
  checkAxis(at);
  const value = at.add('layer-norm', [at.x], { epsilon: at.number('epsilon', 1e-3) }, scaleAndShift(at).origins);
  return { ...at.x, value };
};

/** GroupNormalization; −1 groups are as many as channels. */
export const groupNormalization: LayerReader = (at) => {
  checkAxis(at);
  if (at.x.order) at.fail('input', 'a value with positions', at.x.positions);
  const given = at.number('groups', 32);
  const settings = { groups: given === -1 ? at.x.channels : given, epsilon: at.number('epsilon', 1e-3) };
  return { ...at.x, value: at.add('group-norm', [at.x], settings, scaleAndShift(at).origins) };
};
