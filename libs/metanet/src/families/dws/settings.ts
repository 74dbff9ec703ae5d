/** @file What DWSNets let one choose. */
import { setPools } from '../../layers/sets/pool-set.ts';
import type { SetPool } from '../../layers/sets/pool-set.ts';
import { MetanetError } from '../../metanet.ts';
import type { DwsLayerSettings } from './dws-layer.ts';
import { norms } from './norm.ts';
import type { Norm } from './norm.ts';
import { setLayers } from './set-sub-layers.ts';
import type { SetLayer } from './set-sub-layers.ts';

export const dwsSettings = {
  /** Channels of each DWS layer. */
  channels: [32, 32, 32, 32, 32] as readonly number[],
  /** POOL: `max`, `mean`, `sum` or `attention`. */
  pool: 'max' as string,
  /** Layers on sets: `attention` (SAB) or `deep-sets`. */
  setLayer: 'attention' as string,
  /** Of the set attention of all DWS layers but the last, whose are `lastHeads`. */
  heads: 8,
  lastHeads: 1,
  /** Linear layers of each perceptron. */
  perceptron: 1,
  /** Only between parameters that have a space in common. */
  diagonal: false,
  /** Dimensions that the network's inputs become around each DWS layer; 0 leaves them. Of use for wide inputs, such as images. */
  downsample: 0,
  /** A linear map of the channels around each DWS layer. */
  skip: false,
  /** `batch`, `layer` or `none`, before the ReLU between DWS layers. */
  norm: 'batch' as string,
  /** Share of numbers that training drops after each ReLU. Drawing the masks takes longer than the rest of a small step. */
  dropout: 0,
  /** Factor of all weights at the start. */
  initScale: 1,
  /** Widths of the invariant head's hidden layers. */
  head: [] as readonly number[],
  /** Divide each parameter by its root mean square over the training networks. */
  normalize: true,
};

export type DwsSettings = Omit<typeof dwsSettings, 'pool' | 'setLayer' | 'norm'> & {
  readonly pool: SetPool;
  readonly setLayer: SetLayer;
  readonly norm: Norm;
};

export const layerSettings = (settings: DwsSettings, last: boolean): DwsLayerSettings => ({
  pool: settings.pool,
  setLayer: settings.setLayer,
  heads: last ? settings.lastHeads : settings.heads,
  perceptron: settings.perceptron,
  initScale: settings.initScale,
});

/** @throws {MetanetError} naming the setting, what it must be and what it is */
export function checkedDwsSettings(kind: string, settings: typeof dwsSettings): DwsSettings {
  const must = (name: string, expected: string, got: unknown) =>
    new MetanetError(
      kind,
      `${name} must be ${expected}, got ${Array.isArray(got) ? `[${got.join(', ')}]` : String(got)}`,
    );
  const { channels, pool, setLayer, norm, heads, lastHeads, perceptron, downsample, dropout, initScale } = settings;
  const whole = (value: number, least: number) => Number.isInteger(value) && value >= least;
  if (channels.length === 0 || !channels.every((c) => whole(c, 1)))
    throw must('channels', 'one or more whole numbers above 0', channels);
  const oneOf = <T extends string>(name: string, value: string, list: readonly T[]): T => {
    const found = list.find((item) => item === value);
    if (found === undefined) throw must(name, `one of ${list.join(', ')}`, `'${value}'`);
    return found;
  };
  const chosen = {
    pool: oneOf('pool', pool, setPools),
    setLayer: oneOf('setLayer', setLayer, setLayers),
    norm: oneOf('norm', norm, norms),
  };
  for (const [name, value, least] of [
    ['heads', heads, 1],
    ['lastHeads', lastHeads, 1],
    ['perceptron', perceptron, 1],
    ['downsample', downsample, 0],
  ] as const) {
    if (!whole(value, least)) throw must(name, `a whole number, ${least} or more`, value);
  }
  if (!(dropout >= 0 && dropout < 1)) throw must('dropout', 'in [0, 1)', dropout);
  if (!(initScale > 0)) throw must('initScale', 'above 0', initScale);
  channels.forEach((c, i) => {
    const name = i === channels.length - 1 ? 'lastHeads' : 'heads';
    if (chosen.setLayer === 'attention' && c % settings[name] !== 0)
      throw must(name, `a divisor of the layer's ${c} channels`, settings[name]);
  });
  return { ...settings, ...chosen };
}
