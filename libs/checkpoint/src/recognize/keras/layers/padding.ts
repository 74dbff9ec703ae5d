import '../kinds/pad.ts';
import type { KerasValue, LayerReading } from '../keras-layer.ts';

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: string;
}

export interface Padded {
  readonly value: string;
  /** What is left for the layer itself to add at both ends. */
  readonly padding: readonly number[];
  /** Behind the layer. */
  readonly positions: readonly number[];
}

/**
 * What Keras's paddings 'valid', 'same' and 'causal' are in numbers; a layer of its own where both ends differ.
 *
 * @param lowest whether what is added must never be the largest
 */
export function padded(at: LayerReading, x: KerasValue, window: Window, lowest: boolean): Padded {
  const { kernel, strides, dilations, padding } = window;
  if (x.positions.length !== kernel.length || x.order)
    at.fail('input', `a value with ${kernel.length} position axes`, x.positions);
  const reach = kernel.map((k, axis) => (k - 1) * dilations[axis]! + 1);
  const pads = x.positions.map((n, axis): [number, number] => {
    if (padding === 'valid') return [0, 0];
    if (padding === 'causal') return [reach[axis]! - 1, 0];
    if (padding !== 'same') return at.fail('padding', 'valid, same or causal', padding);
    const total = Math.max(0, (Math.ceil(n / strides[axis]!) - 1) * strides[axis]! + reach[axis]! - n);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  const positions = x.positions.map(
    (n, axis) => Math.floor((n + pads[axis]![0] + pads[axis]![1] - reach[axis]!) / strides[axis]!) + 1,
  );
  if (pads.every(([before, behind]) => before === behind)) {
    return { value: x.value, padding: pads.map(([before]) => before), positions };
  }
  const value = at.add('pad', [x], { pads, lowest }, {}, '_pad');
  return { value, padding: pads.map(() => 0), positions };
}
