/** @file Random small architectures, for property tests. */
import type { RandomStream } from '@weightspace/compute';

import { activationKinds } from '../activations/activation.ts';
import { architectureSchema } from '../architecture.ts';
import type { Architecture, InputSpec } from '../architecture.ts';
import { defineArchitecture } from '../define-architecture.ts';

interface Known {
  readonly name: string;
  readonly size: number;
  readonly positions: readonly number[];
  readonly indices?: number;
}

interface Move {
  readonly kind: string;
  /** Settings, and the values that it reads where that isn't the current one alone; undefined where it doesn't fit. */
  readonly make: (
    x: Known,
    draw: Draw,
    others: readonly Known[],
  ) => { readonly [setting: string]: unknown } | undefined;
}

/** Small choices. */
class Draw {
  readonly #stream: RandomStream;

  constructor(stream: RandomStream) {
    this.#stream = stream;
  }
  /** A whole number from `low` to `high`. */
  whole(low: number, high: number): number {
    return low + this.#stream.integer(high - low + 1);
  }
  of<T>(list: readonly T[]): T {
    return list[this.#stream.integer(list.length)]!;
  }
  flag(): boolean {
    return this.#stream.integer(2) === 0;
  }
  divisor(n: number): number {
    return this.of(Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0));
  }
}

const activation = (draw: Draw) => {
  const kind = draw.of(activationKinds());
  return kind === 'sine' ? { kind, omega: 2 } : kind;
};
const ranked =
  (rank: number, make: (x: Known, draw: Draw) => { readonly [setting: string]: unknown }): Move['make'] =>
  (x, draw) =>
    x.positions.length === rank ? make(x, draw) : undefined;
const placed =
  (make: (x: Known, draw: Draw) => { readonly [setting: string]: unknown }): Move['make'] =>
  (x, draw) =>
    x.positions.length > 0 ? make(x, draw) : undefined;

function conv(x: Known, draw: Draw) {
  const groups = draw.divisor(x.size);
  const kernel = x.positions.map((n) => draw.whole(1, Math.min(3, n)));
  const settings = { kernel, padding: draw.whole(0, 1), strides: draw.whole(1, 2), bias: draw.flag() };
  return { ...settings, size: groups * draw.whole(1, 3), groups, activation: activation(draw) };
}

function attention(x: Known, draw: Draw, others: readonly Known[]) {
  if (x.positions.length !== 1) return undefined;
  const keyHeads = draw.whole(1, 2);
  const rotary = draw.of(['none', 'none', 'halves', 'pairs']);
  const sizes = { keySize: rotary === 'none' ? draw.whole(1, 3) : 2 * draw.whole(1, 2), valueSize: draw.whole(1, 3) };
  const read = draw.of([undefined, others.find((value) => value.positions.length === 1)]);
  const alone = read === undefined;
  return {
    ...sizes,
    size: draw.whole(2, 5),
    heads: keyHeads * draw.whole(1, 3),
    keyHeads,
    rotary,
    fused: alone && draw.flag(),
    causal: alone && draw.flag(),
    bias: draw.flag(),
    ...(!alone && { inputs: [x.name, read.name] }),
  };
}

/** Another value of the same shape, with which this one can be added or multiplied. */
const pair = (x: Known, draw: Draw, others: readonly Known[]) => {
  const same = others.filter((y) => y.size === x.size && y.positions.join() === x.positions.join());
  return same.length === 0 ? undefined : { inputs: [x.name, draw.of(same).name], activation: activation(draw) };
};
const joined = (x: Known, draw: Draw, others: readonly Known[]) => {
  const same = others.filter((y) => y.positions.join() === x.positions.join() && x.size + y.size < 12);
  return same.length === 0 ? undefined : { inputs: [x.name, draw.of(same).name] };
};
/** Another value of the same positions, of any width. */
const placedAlike = (x: Known, draw: Draw, others: readonly Known[]) => {
  const alike = others.filter((y) => y.positions.join() === x.positions.join());
  return alike.length === 0 ? undefined : { inputs: [x.name, draw.of(alike).name], activation: activation(draw) };
};
const cell = (_: Known, draw: Draw) => ({
  size: draw.whole(2, 4),
  bias: draw.flag(),
  reverse: draw.flag(),
  gives: draw.of(['sequence', 'sequence', 'last']),
});
const window = (x: Known, draw: Draw) => ({
  kernel: x.positions.map((n) => draw.whole(1, Math.min(2, n))),
  strides: 1,
});
const norm: Move['make'] = (_, draw) => ({ affine: draw.flag(), activation: activation(draw) });

const moves: readonly Move[] = [
  { kind: 'linear', make: (_, draw) => ({ size: draw.whole(2, 6), bias: draw.flag(), activation: activation(draw) }) },
  { kind: 'conv1d', make: ranked(1, conv) },
  { kind: 'conv2d', make: ranked(2, conv) },
  { kind: 'conv3d', make: ranked(3, conv) },
  { kind: 'batch-norm', make: norm },
  { kind: 'layer-norm', make: norm },
  { kind: 'rms-norm', make: norm },
  { kind: 'instance-norm', make: placed((_, draw) => ({ affine: draw.flag() })) },
  { kind: 'group-norm', make: (x, draw) => ({ groups: draw.divisor(x.size), activation: activation(draw) }) },
  { kind: 'attention', make: attention },
  { kind: 'position-table', make: placed(() => ({})) },
  { kind: 'class-token', make: ranked(1, (_, draw) => ({ tokens: draw.whole(1, 2) })) },
  {
    kind: 'equivariant-linear',
    make: ranked(1, (_, draw) => ({ size: draw.whole(2, 5), activation: activation(draw) })),
  },
  { kind: 'rnn', make: ranked(1, (x, draw) => ({ ...cell(x, draw), nonlinearity: draw.of(['tanh', 'relu']) })) },
  { kind: 'lstm', make: ranked(1, cell) },
  { kind: 'gru', make: ranked(1, cell) },
  { kind: 'add', make: pair },
  { kind: 'partial-add', make: placedAlike },
  { kind: 'multiply', make: pair },
  { kind: 'concat', make: joined },
  { kind: 'max-pool', make: placed(window) },
  { kind: 'average-pool', make: placed(window) },
  {
    kind: 'upsample',
    make: placed((x, draw) => ({ factors: x.positions.map((n) => (n > 3 ? 1 : draw.whole(1, 2))) })),
  },
  { kind: 'activation', make: (_, draw) => ({ activation: activation(draw) }) },
  { kind: 'to-tokens', make: placed(() => ({})) },
  { kind: 'select-token', make: ranked(1, () => ({ index: -1 })) },
  { kind: 'global-pool', make: placed((_, draw) => ({ mode: draw.of(['mean', 'sum', 'max']) })) },
  { kind: 'flatten', make: (x, draw) => (draw.flag() ? placed(() => ({}))(x, draw, []) : undefined) },
];

function drawInput(draw: Draw): InputSpec {
  const rank = draw.of([0, 1, 1, 1, 2, 2, 3]);
  const positions = Array.from({ length: rank }, () => draw.whole(2, rank === 3 ? 3 : 4));
  if (rank === 1 && draw.whole(0, 2) === 0) return { name: 'x', size: 1, positions, indices: draw.whole(2, 5) };
  return { name: 'x', size: draw.whole(1, 4), ...(rank > 0 && { positions }) };
}

/**
 * An architecture of a few random layers, of all kinds, with sums, products and joins of what came before; small enough
 * to be run in a test.
 *
 * @param stream on which alone it depends
 * @param depth layers, before those that make a vector of two numbers of what is left; 6 unless said otherwise
 */
export function randomArchitecture(stream: RandomStream, depth = 6): Architecture {
  const draw = new Draw(stream);
  const input = drawInput(draw);
  const layers: { readonly [setting: string]: unknown }[] = [];
  const define = (more: readonly object[], output: string) =>
    defineArchitecture({
      schema: architectureSchema,
      name: 'random',
      inputs: [input],
      layers: [...layers, ...more],
      output,
    });
  const values: Known[] = [{ ...input, positions: input.positions ?? [] }];
  const put = (layer: { readonly [setting: string]: unknown }) => {
    const { size, positions, name } = define([layer], layer['name'] as string).values.at(-1)!;
    layers.push(layer);
    values.push({ name, size, positions });
  };
  if (input.indices !== undefined) put({ name: 'embed', kind: 'embedding', inputs: ['x'], size: draw.whole(2, 5) });
  while (layers.length < depth) {
    const x = values.at(-1)!;
    const move = draw.of(moves);
    const earlier = values.slice(input.indices === undefined ? 0 : 1, -1);
    const made = move.make(x, draw, earlier);
    if (made) put({ name: `l${layers.length}`, kind: move.kind, inputs: [x.name], ...made });
  }
  const last = values.at(-1)!;
  if (last.positions.length > 0)
    put({ name: 'vector', kind: draw.of(['flatten', 'global-pool']), inputs: [last.name] });
  return define([{ name: 'head', kind: 'linear', inputs: [values.at(-1)!.name], size: 2, output: 'y' }], 'y');
}
