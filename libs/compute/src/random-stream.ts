/** @file Seeded random numbers that can be split by name, so that adding a draw in one place moves none elsewhere. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { JumpableRandomGenerator } from 'pure-rand/types/JumpableRandomGenerator';

import { ndarray, sizeOf } from './nd-array.ts';
import type { NdArray } from './nd-array.ts';

/** What a checkpoint keeps of a stream: the key it splits by, and where its generator stands. It survives JSON. */
export interface RandomState {
  readonly key: string;
  readonly generator: readonly number[];
}

/**
 * A stream of random numbers (xoroshiro128+).
 *
 * `split` depends on the seed and the labels alone, never on how much was drawn before. Equal seeds give equal numbers
 * on every machine; normals go through V8's `Math.log`, which is its own and the same everywhere.
 *
 * Source: Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators", arXiv:1805.01407.
 */
export class RandomStream {
  readonly #key: string;
  readonly #generator: JumpableRandomGenerator;

  protected constructor(key: string, generator: JumpableRandomGenerator) {
    this.#key = key;
    this.#generator = generator;
  }

  /** @param seed a whole number; equal seeds give equal streams on every machine */
  static fromSeed(seed: number): RandomStream {
    if (!Number.isSafeInteger(seed))
      throw new RangeError(`RandomStream.fromSeed: seed must be a whole number, got ${seed}`);
    return RandomStream.#fromKey(`seed:${seed}`);
  }

  /** The stream that goes on where `getState` was called. */
  static fromState(state: RandomState): RandomStream {
    const { generator } = state;
    if (generator.length !== 4 || !generator.every(Number.isInteger) || generator.every((word) => word === 0)) {
      throw new RangeError(
        `RandomStream.fromState: generator must be 4 whole numbers, not all 0, got [${generator.join(', ')}]`,
      );
    }
    return new RandomStream(state.key, xoroshiro128plusFromState(state.generator));
  }

  static #fromKey(key: string): RandomStream {
    return new RandomStream(key, xoroshiro128plusFromState(hash128(key)));
  }

  /** A new stream for a part of the work, e.g. `stream.split('init').split(3)`; 3 and '3' are different labels. */
  split(label: string | number): RandomStream {
    return RandomStream.#fromKey(`${this.#key}/${JSON.stringify(label)}`);
  }

  getState(): RandomState {
    return { key: this.#key, generator: this.#generator.getState() };
  }

  /** Uniform in [0, 1), 53 bits. */
  next(): number {
    return uniformFloat64(this.#generator);
  }

  /** A whole number in [0, bound); its bias, at most bound · 2⁻⁵³, is beyond measuring. */
  integer(bound: number): number {
    if (!(Number.isSafeInteger(bound) && bound > 0)) {
      throw new RangeError(`RandomStream.integer: bound must be a positive whole number, got ${bound}`);
    }
    return Math.floor(this.next() * bound);
  }

  /** Two independent standard normals (Marsaglia and Bray 1964, the polar method). */
  normalPair(): [number, number] {
    for (;;) {
      const x = this.#symmetric();
      const y = this.#symmetric();
      const square = x * x + y * y;
      if (square >= 1) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      return [x * factor, y * factor];
    }
  }

  /** Uniform in (−1, 1) on 2³² points, of which none is 0. */
  #symmetric(): number {
    return (this.#generator.next() + 0.5) * 2 ** -31;
  }

  /** Values uniform in [low, high). */
  uniform(shape: readonly number[], low = 0, high = 1): NdArray<'float32'> {
    if (!(low < high)) throw new RangeError(`RandomStream.uniform: low must be below high, got ${low} and ${high}`);
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length;) {
      data[i] = low + (high - low) * this.next();
      // Rounding to float32 can reach `high`: then draw again.
      if (data[i]! < high) i++;
    }
    return ndarray(data, shape);
  }

  /** Values of the normal distribution with this mean and standard deviation. */
  normal(shape: readonly number[], mean = 0, deviation = 1): NdArray<'float32'> {
    if (!(deviation >= 0)) throw new RangeError(`RandomStream.normal: deviation must be ≥ 0, got ${deviation}`);
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i += 2) {
      const [a, b] = this.normalPair();
      data[i] = mean + deviation * a;
      if (i + 1 < data.length) data[i + 1] = mean + deviation * b;
    }
    return ndarray(data, shape);
  }

  /** 1 with the given probability, rounded to a multiple of 2⁻³², else 0. */
  bernoulli(shape: readonly number[], probability: number): NdArray<'float32'> {
    if (!(probability >= 0 && probability <= 1)) {
      throw new RangeError(`RandomStream.bernoulli: probability must be in [0, 1], got ${probability}`);
    }
    const data = new Float32Array(sizeOf(shape));
    // Dropout masks are most of what a training step draws: one word for each, compared as a whole number.
    const threshold = Math.round(probability * 2 ** 32);
    for (let i = 0; i < data.length; i++) data[i] = this.#generator.next() >>> 0 < threshold ? 1 : 0;
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

/** 128 bits of a key: every character goes through four chained lanes, which are mixed at the end until each bit depends on all. */
function hash128(key: string): number[] {
  let [a, b, c, d] = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
  for (let i = 0; i < key.length; i++) {
    a = Math.imul(rotate(a, 5) ^ key.charCodeAt(i), 0x9e3779b1);
    b = Math.imul(rotate(b, 11) ^ a, 0x85ebca77);
    c = Math.imul(rotate(c, 17) ^ b, 0xc2b2ae3d);
    d = Math.imul(rotate(d, 23) ^ c, 0x27d4eb2f);
  }
  for (let round = 0; round < 3; round++) {
    a = spread(a ^ d);
    b = spread(b + a);
    c = spread(c ^ b);
    d = spread(d + c);
  }
  return [a, b, c, d];
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** A bijection of 32 bits in which every output bit depends on every input bit. */
function spread(word: number): number {
  const x = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  const y = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return y ^ (y >>> 16);
}
