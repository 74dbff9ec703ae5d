/** @file Seeded random numbers that can be split by name, so that adding a draw in one place moves none elsewhere. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { JumpableRandomGenerator } from 'pure-rand/types/JumpableRandomGenerator';

import { ndarray, sizeOf } from './nd-array.ts';
import type { NdArray } from './nd-array.ts';

/** What a checkpoint keeps of a stream: the key it splits by, and where its generator stands. */
export interface RandomState {
  readonly key: string;
  readonly generator: readonly number[];
}

/**
 * A stream of random numbers (xoroshiro128+).
 *
 * `split` depends on the seed and the labels alone, never on how much was drawn before.
 */
export class RandomStream {
  readonly #key: string;
  readonly #generator: JumpableRandomGenerator;

  private constructor(key: string, generator: JumpableRandomGenerator) {
    this.#key = key;
    this.#generator = generator;
  }

  /** @param seed a whole number; equal seeds give equal streams on every machine */
  static fromSeed(seed: number): RandomStream {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`RandomStream.fromSeed: seed must be a whole number, got ${seed}`);
    return RandomStream.#fromKey(`seed:${seed}`);
  }

  static fromState(state: RandomState): RandomStream {
    return new RandomStream(state.key, xoroshiro128plusFromState(state.generator));
  }

  static #fromKey(key: string): RandomStream {
    return new RandomStream(key, xoroshiro128plusFromState(hash128(key)));
  }

  /** A new stream for a part of the work, e.g. `stream.split('init').split(3)`. */
  split(label: string | number): RandomStream {
    return RandomStream.#fromKey(`${this.#key}/${typeof label === 'number' ? `#${label}` : label}`);
  }

  getState(): RandomState {
    return { key: this.#key, generator: this.#generator.getState() };
  }

  /** Uniform in [0, 1), 53 bits. */
  next(): number {
    return uniformFloat64(this.#generator);
  }

  /** A whole number in [0, bound), without bias. */
  integer(bound: number): number {
    if (!(Number.isInteger(bound) && bound > 0)) throw new RangeError(`RandomStream.integer: bound must be a positive whole number, got ${bound}`);
    return Math.floor(this.next() * bound);
  }

  /** Two independent standard normals (Box and Muller 1958). */
  normalPair(): [number, number] {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  }

  /** Values uniform in [low, high). */
  uniform(shape: readonly number[], low = 0, high = 1): NdArray<'float32'> {
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * this.next();
    return ndarray(data, shape);
  }

  normal(shape: readonly number[], mean = 0, deviation = 1): NdArray<'float32'> {
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i += 2) {
      const [a, b] = this.normalPair();
      data[i] = mean + deviation * a;
      if (i + 1 < data.length) data[i + 1] = mean + deviation * b;
    }
    return ndarray(data, shape);
  }

  /** 1 with the given probability, else 0. */
  bernoulli(shape: readonly number[], probability: number): NdArray<'float32'> {
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = this.next() < probability ? 1 : 0;
    return ndarray(data, shape);
  }

  /** A uniformly random order of 0 … n−1 (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/** 128 bits of a key: four FNV-1a passes with different offsets, each spread by a generator. */
function hash128(key: string): number[] {
  return [0x811c9dc5, 0x01000193, 0x9e3779b9, 0x85ebca6b].map((offset) => {
    let hash = offset;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
    return xoroshiro128plus(hash ^ (hash >>> 16)).next();
  });
}
