/** @file Settings of neural functional networks. */
import { normKinds } from '../../layers/norms.ts';
import { MetanetError } from '../../metanet.ts';

export const nfnSettings = {
  /** Channels of each equivariant layer. */
  channels: [64, 64, 64] as readonly number[],
  /** Gaussian frequencies of the raw weights; the channels that go in are twice as many. 0: the weights as they are. */
  frequencies: 64,
  /** Deviation of the frequencies, in periods per unit of a weight; with `normalize`, per root mean square. */
  frequencyScale: 0.3,
  /** `equivariant` layers, or `pointwise` ones, which see no other entry: what the maps between entries are worth. */
  layers: 'equivariant',
  /** How the equivariant layers start: `uniform` or `kaiming`. */
  start: 'uniform',
  /** Layer norm behind each layer, before its ReLU: `none`, `simple`, `channel` or `param`. */
  norm: 'none',
  /** Layers between the first and the last add to what they read, and norm that first. */
  residual: false,
  /** Share of channels of each parameter that training drops behind each layer. */
  channelDropout: 0,
  /** Share of whole parameters that it drops. */
  matrixDropout: 0,
  /** How inputs and outputs are told apart: `learned`, `sinusoidal` or `none`. */
  position: 'learned',
  /** Frequencies of `sinusoidal`. */
  bands: 6,
  /** Learned inputs on which every network is run; 0 for none. */
  probes: 0,
  /** Whether the head also sees the networks' outputs on the probes as they are. */
  probeReadout: true,
  /** What is kept apart in pooling: `hnp` keeps inputs and outputs, `np` nothing. */
  pool: 'hnp',
  /** Whether the head also sees mean, variance and five quantiles of each parameter. */
  statistics: false,
  /** Widths of the head's hidden layers. */
  head: [256, 256] as readonly number[],
  dropout: 0.2,
  /** Divide each parameter by its root mean square over the training networks. */
  normalize: true,
  /** In place of it: subtract the mean and divide by the deviation of each input, output and kernel position. */
  zScore: false,
  /** An editor's last layer: `pointwise`, or `equivariant` as published. */
  editLayer: 'pointwise',
  /** Choose signs and phases of neurons by a rule, so that neither has to be learnt; of use where activations have them. */
  canonicalSigns: false,
};
export type NfnSettings = typeof nfnSettings;

/** @throws {MetanetError} on settings that aren't possible */
export function checkSettings(kind: string, settings: NfnSettings): void {
  const { channels, frequencies, probes } = settings;
  const whole = (value: number, least: number) => Number.isInteger(value) && value >= least;
  if (channels.length === 0 || !channels.every((c) => whole(c, 1)))
    throw new MetanetError(kind, `channels must be one or more whole numbers above 0, got [${channels.join(', ')}]`);
  if (!whole(frequencies, 0))
    throw new MetanetError(kind, `frequencies must be a whole number, 0 or more, got ${frequencies}`);
  if (!whole(probes, 0)) throw new MetanetError(kind, `probes must be a whole number, 0 or more, got ${probes}`);
  for (const name of ['dropout', 'channelDropout', 'matrixDropout'] as const) {
    if (!(settings[name] >= 0 && settings[name] < 1))
      throw new MetanetError(kind, `${name} must be in [0, 1), got ${settings[name]}`);
  }
  for (const [name, known] of Object.entries<readonly string[]>(choices)) {
    const chosen = settings[name as keyof typeof choices];
    if (!known.includes(chosen)) throw new MetanetError(kind, `${name} must be ${anyOf(known)}, got '${chosen}'`);
  }
  const middle = channels.slice(0, -1);
  if (settings.residual && (middle.length < 2 || new Set(middle).size > 1))
    throw new MetanetError(
      kind,
      `channels must be three or more, all but the last equal, where residual is true, got [${channels.join(', ')}]`,
    );
}

const choices = {
  position: ['none', 'learned', 'sinusoidal'],
  pool: ['hnp', 'np'],
  layers: ['equivariant', 'pointwise'],
  start: ['uniform', 'kaiming'],
  norm: ['none', ...normKinds],
  editLayer: ['pointwise', 'equivariant'],
} as const satisfies { readonly [S in keyof NfnSettings]?: readonly string[] };

const anyOf = (names: readonly string[]): string => `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;
