import type { KerasValue, LayerReader, LayerReading } from '../keras-layer.ts';

/** Add and Multiply. */
export const merge =
  (kind: 'add' | 'multiply'): LayerReader =>
  (at) => {
    const [first] = at.inputs;
    const orders = new Set(at.inputs.map(({ order }) => order?.join() ?? ''));
    if (orders.size > 1) at.fail('inputs', 'values that were flattened alike', orders.size);
    const biggest = kind === 'multiply' ? largestFirst(at.inputs) : at.inputs;
    return { ...first!, ...biggest[0]!, value: at.add(kind, biggest, {}, {}) };
  };

/** The one with positions leads; those without are the same at all of them. */
const largestFirst = (inputs: readonly KerasValue[]): KerasValue[] =>
  inputs.toSorted((a, b) => b.positions.length - a.positions.length);

/** Concatenate along the channels. */
export const concatenate: LayerReader = (at) => {
  const { inputs } = at;
  checkAxis(at);
  const channels = inputs.reduce((sum, x) => sum + x.channels, 0);
  const value = at.add('concat', inputs, {}, {});
  const { positions } = inputs[0]!;
  if (inputs.every(({ order }) => !order)) return { value, channels, positions };
  let before = 0;
  const order = inputs.flatMap((x) => {
    const begin = before;
    before += x.channels;
    return Array.from({ length: x.channels }, (_, i) => begin + (x.order?.[i] ?? i));
  });
  return { value, channels, positions, order };
};

function checkAxis(at: LayerReading): void {
  const axis = at.config['axis'] ?? -1;
  const last = at.inputs[0]!.positions.length + 1;
  if (axis !== -1 && axis !== last) at.fail('axis', `${last}, the channels`, axis);
}
