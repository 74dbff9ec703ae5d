/** @file Dropout of N networks, each at its own rate, without drawing a number for each neuron in each step. */
import type { Architecture, LayerSpec } from '@weightspace/architecture';
import { ndarray, RandomStream, tf } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';

/** A value behind which neurons are dropped. */
interface Site {
  readonly name: string;
  readonly positions: readonly number[];
  /** Channels. */
  readonly size: number;
}

/** Numbers in a pool: what a cache holds beside the values. */
const POOL = 2 ** 19;
const [FEWEST, MOST] = [32, 1024];
const RECURRENT = ['rnn', 'lstm', 'gru'];

/**
 * Masks come from pools of uniform numbers, one for each site, that are drawn once: an image gets a random row of the pool
 * in each step, whose numbers below 1 − rate stay. A row is what 32 to 1,024 masks of one rate are made of, at each site.
 *
 * Source: Srivastava et al. 2014, "Dropout", in its inverted form. Departs: masks from a pool.
 */
export class Dropout {
  readonly #sites: readonly Site[];
  /** By site; `[rows, numbers]`. */
  readonly pools: NdArrays;

  constructor({ spec, values }: Architecture) {
    const kinds = new Map(spec.layers.map((layer) => [layer.output, layer]));
    this.#sites = values
      .filter(({ name }) => name !== spec.output && kinds.has(name) && drops(kinds.get(name)!))
      .map(({ name, positions, size }) => ({ name, positions, size }));
    this.pools = Object.fromEntries(
      this.#sites.map((site) => {
        const length = lengthOf(site);
        const rows = Math.max(FEWEST, Math.min(MOST, Math.floor(POOL / length)));
        return [site.name, RandomStream.fromSeed(0).split('dropout').split(site.name).uniform([rows, length])];
      }),
    );
  }

  /** Arrays for the numbers of the rows; by site, `[images, networks]`. */
  rows(networks: number, images: number): NdArrays {
    return Object.fromEntries(
      this.#sites.map(({ name }) => [name, ndarray(new Int32Array(images * networks), [images, networks])]),
    );
  }

  /** Draws the rows of one network's images. */
  draw(into: NdArrays, network: number, stream: RandomStream): void {
    for (const { name } of this.#sites) {
      const { data, shape } = into[name]!;
      const [images, networks] = shape as [number, number];
      const count = this.pools[name]!.shape[0]!;
      for (let i = 0; i < images; i++) data[i * networks + network] = stream.integer(count);
    }
  }

  /** @param stay_n share of neurons that stay in each network; shape `[N]` */
  apply(value: Tensor, layer: LayerSpec, rows: Tensors, pools: Tensors, stay_n: Tensor): Tensor {
    const site = this.#sites.find(({ name }) => name === layer.output);
    if (!site) return value;
    const stay = tf.reshape(stay_n, [1, stay_n.size, 1]);
    const u_bnl = tf.gather(pools[site.name]!, rows[site.name]!, 0);
    // As one factor, so that the value is passed over once.
    const mask_bnl = tf.mul(tf.cast(tf.less(u_bnl, stay), 'float32'), tf.div(1, stay));
    return tf.mul(value, maskOf(mask_bnl, site));
  }
}

const drops = ({ activation, kind }: LayerSpec): boolean => activation.kind !== 'identity' || RECURRENT.includes(kind);
const lengthOf = ({ positions, size }: Site): number => positions.reduce((n, m) => n * m, size);

/** @param mask_bnl shape `[B, N, numbers]` @returns shape `[N, B, …positions, channels]` */
function maskOf(mask_bnl: Tensor, { positions, size }: Site): Tensor {
  const [B, N] = mask_bnl.shape as [number, number];
  const mask = tf.reshape(mask_bnl, [B, N, ...positions, size]);
  return tf.transpose(mask, [1, 0, ...mask.shape.slice(2).map((_, i) => i + 2)]);
}

/** The stream that a run's rows come from. @param epoch counted from 1 */
export const dropoutStream = (seed: number, epoch: number): RandomStream =>
  RandomStream.fromSeed(seed).split('dropout').split(epoch);
