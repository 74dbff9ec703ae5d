import { ArchitectureError } from '../architecture-error.ts';
import type { Architecture } from '../architecture.ts';
import { LayerList } from './layer-list.ts';
import type { ActivationOption } from './layer-list.ts';

export interface ParkCnnOptions {
  readonly input: { readonly positions: readonly [number, number]; readonly size: number };
  /** Of each convolution. */
  readonly layers: readonly {
    readonly channels: number;
    /** Odd, so that half of it is a padding that keeps the size. */
    readonly kernel: number;
    readonly activation: ActivationOption;
    /** Layer (0, 1, …) whose channels are added before the activation; one before the last one at the latest, or none. */
    readonly residual?: number;
  }[];
  /** 10 unless said otherwise. */
  readonly outputs?: number;
  readonly name?: string;
}

/**
 * A CNN of the Wild Park: convolutions of stride 1 of any width, kernel and activation, where each may add the first
 * channels of an earlier one to its own; then the mean of all positions and a linear head.
 *
 * Layers are `conv1`, `sum2` (where conv2 has a residual), …, `vector`, `fc`; the output is `y`.
 * @throws {ArchitectureError} on sizes or residuals that aren't possible
 * Source: Kofinas et al. 2024, arXiv:2403.12143, appendix on the CNN Wild Park; `CNN` of their code. Departs: nothing.
 */
export function parkCnn({ input, layers: convs, outputs = 10, name }: ParkCnnOptions): Architecture {
  const layers = new LayerList();
  const values: string[] = [];
  convs.forEach(({ channels, kernel, activation, residual }, i) => {
    checkLayer(i, kernel, residual);
    const from = values[i - 1] ?? 'x';
    const settings = { size: channels, kernel, padding: Math.floor(kernel / 2) };
    if (residual === undefined)
      return void values.push(layers.add(`conv${i + 1}`, 'conv2d', from, { ...settings, activation }));
    const sum = layers.add(`conv${i + 1}`, 'conv2d', from, settings);
    values.push(layers.add(`sum${i + 1}`, 'partial-add', [sum, values[residual]!], { activation }));
  });
  if (values.length === 0)
    throw new ArchitectureError('parkCnn', 'layers', 'a list of at least one convolution', convs);
  const vector = layers.add('vector', 'global-pool', values.at(-1)!);
  layers.add('fc', 'linear', vector, { size: outputs, output: 'y' });
  const widths = convs.map(({ channels }) => channels).join('-');
  return layers.define(name ?? `park cnn ${input.size}-${widths}-${outputs}`, { name: 'x', ...input }, 'y');
}

function checkLayer(i: number, kernel: number, residual: number | undefined): void {
  if (!Number.isInteger(kernel) || kernel % 2 === 0)
    throw new ArchitectureError('parkCnn', `layers[${i}].kernel`, 'an odd number', kernel);
  if (residual === undefined || (Number.isInteger(residual) && residual >= 0 && residual < i - 1)) return;
  const expected = i < 2 ? 'absent: there is no layer before the last one' : `a whole number from 0 to ${i - 2}`;
  throw new ArchitectureError('parkCnn', `layers[${i}].residual`, expected, residual);
}
