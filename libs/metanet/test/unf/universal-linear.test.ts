import {
  assertClose,
  compile,
  deadInputs,
  gradientError,
  mapValues,
  ndarray,
  tf,
  toTensor,
  zeros,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensors } from '@weightspace/compute';
import {
  equivariantLinear,
  equivariantLinearParameters,
  layoutOf,
  universalLayout,
  universalLinear,
  universalLinearParameters,
  universalPlan,
} from '@weightspace/metanet';
import { assertEquivariance, isIdentity, permutationGroup, permuteAxes, testElements } from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';
import { describe, expect, test } from 'vitest';

import { tiny } from '../networks.ts';
import {
  axesOf,
  chain,
  collections,
  deep,
  featuresOf,
  hidden,
  joint,
  labelOf,
  lengthOf,
  networkOf,
  orbits,
  range,
  rank,
  shapeOf,
  slowTerm,
  stream,
  tied,
  triple,
  validPartitions,
} from './tensors.ts';
import type { Collection } from './tensors.ts';

interface Layer {
  readonly params: NdArrays;
  readonly apply: (params: NdArrays, x: NdArrays) => Promise<NdArrays>;
}

function layerOf({ tensors }: Collection, inputs: number, outputs: number, shared?: number): Layer {
  const plan = universalPlan(tensors);
  const params = universalLinearParameters(
    'layer',
    plan,
    { inputs, outputs, ...(shared !== undefined && { shared }) },
    stream.split('layer'),
  );
  const f = compile((p: Tensors, x: Tensors) => universalLinear(p, 'layer', plan, x), { threads: 1 });
  // Biases start at 0, where nothing shows that they go to the right place.
  const bias = stream.split('bias').normal(params['layer.bias']!.shape);
  return {
    params: { ...params, 'layer.bias': bias },
    apply: async (p, x) => (await f(p as never, x as never)) as unknown as NdArrays,
  };
}

const joinedOutputs = ({ tensors }: Collection, y: NdArrays): number[] =>
  tensors.flatMap(({ name }) => Array.from(y[name]!.data));

/** What the layer gives for each of its parameters alone, set to 1. */
async function responses(own: Collection, { params, apply }: Layer, x: NdArrays, biases: boolean): Promise<number[][]> {
  const zero = mapValues(params, ({ data, shape }) => ndarray(new Float32Array(data.length), shape));
  const found: number[][] = [];
  for (const [name, { data }] of Object.entries(zero)) {
    if ((name === 'layer.bias') !== biases) continue;
    for (let i = 0; i < data.length; i++) {
      data[i] = 1;
      found.push(joinedOutputs(own, await apply(zero, x)));
      data[i] = 0;
    }
  }
  return found;
}

/** The terms by their definition: for each pair of tensors and channels, and each partition. */
function slowResponses({ tensors }: Collection, x: NdArrays, c: number, d: number): number[][] {
  const batch = x[tensors[0]!.name]!.shape[0]!;
  const found: number[][] = [];
  const entries = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  for (const o of tensors) {
    for (const s of tensors) {
      for (const parts of validPartitions(joint(o, s))) {
        for (const channel of range(s.folded * c)) {
          const perNetwork = range(batch).map((network) => slowTerm(o, s, parts, reader(x[s.name]!, network, channel)));
          for (const out of range(o.folded * d)) {
            found.push(
              tensors.flatMap((t) =>
                perNetwork.flatMap((values) =>
                  range(entries(shapeOf(t))).flatMap((at) =>
                    range(t.folded * d).map((k) => (t === o && k === out ? values[at]! : 0)),
                  ),
                ),
              ),
            );
          }
        }
      }
    }
  }
  return found;
}

/** Constants on diagonals. */
function slowConstants({ tensors }: Collection, batch: number): number[][] {
  return tensors.flatMap((o) =>
    validPartitions(o.indices).flatMap((parts) =>
      range(o.folded).map((out) =>
        tensors.flatMap((t) => {
          const values = slowTerm(t, { name: '', indices: [], folded: 1 }, t === o ? parts : [], () => 1);
          const one = values.flatMap((v) => range(t.folded).map((k) => (t === o && k === out ? v : 0)));
          return range(batch).flatMap(() => one);
        }),
      ),
    ),
  );
}

function reader({ data, shape }: NdArray, network: number, channel: number) {
  const sizes = shape.slice(1, -1);
  const entries = sizes.reduce((a, b) => a * b, 1);
  return (tuple: readonly number[]): number => {
    const at = tuple.reduce((sum, i, axis) => sum * sizes[axis]! + i, network * entries);
    return data[at * shape.at(-1)! + channel]!;
  };
}

/** Largest difference of two lists of vectors in any order: they are sorted by a random direction. */
function difference(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  expect(a.length).toBe(b.length);
  const direction = stream.split('direction').normal([a[0]!.length]).data;
  const sorted = (rows: readonly (readonly number[])[]) =>
    rows
      .map((row) => ({ row, at: row.reduce((sum, v, i) => sum + v * direction[i]!, 0) }))
      .sort((p, q) => p.at - q.at)
      .map(({ row }) => row);
  const [p, q] = [sorted(a), sorted(b)];
  return Math.max(...p.flatMap((row, i) => row.map((v, j) => Math.abs(v - q[i]![j]!))));
}

/** Without the identity, which random elements of a small group can be. */
const elementsOf = (own: Collection): GroupElement[] =>
  testElements(permutationGroup(networkOf(own)), stream.split('elements')).filter((g) => !isIdentity(g));

const moved =
  (own: Collection) =>
  (g: GroupElement, x: NdArrays): NdArrays =>
    Object.fromEntries(
      own.tensors.map((t) => {
        const { data, shape } = x[t.name]! as NdArray<'float32'>;
        const axes = axesOf(t);
        const merged = ndarray(data, [shape[0]!, ...axes.map(lengthOf), shape.at(-1)!]);
        const labels = [undefined, ...axes.map(labelOf), undefined];
        return [t.name, { ...permuteAxes(g, merged, labels, networkOf(own)), shape }];
      }),
    );

describe('universalLinear', () => {
  test.each(collections)('on %s is each term of the definition once', async (_, own) => {
    const [c, d] = own.name === triple.name ? [1, 1] : [2, 2];
    const x = featuresOf(own, c, 1);
    const found = await responses(own, layerOf(own, c, d), x, false);
    expect(difference(found, slowResponses(own, x, c, d))).toBeLessThan(1e-5);
  });

  test.each(collections)('on %s has a bias for each diagonal', async (_, own) => {
    const found = await responses(own, layerOf(own, 1, 1), featuresOf(own, 1, 2), true);
    expect(difference(found, slowConstants(own, 2))).toBeLessThan(1e-6);
  });

  test.each(collections)('on %s is equivariant, with and without shared channels', async (_, own) => {
    for (const shared of [undefined, 2]) {
      const { params, apply } = layerOf(own, 5, 6, shared);
      const report = await assertEquivariance({
        f: (x) => apply(params, x),
        input: featuresOf(own, 5, 3),
        elements: elementsOf(own),
        actIn: moved(own),
        actOut: moved(own),
      });
      expect(report.error).toBeLessThan(1e-5);
    }
  });

  test('of a wrong kind is seen by the check: neurons weighed by their place', async () => {
    const { params, apply } = layerOf(chain, 5, 6);
    const biased = async (x: NdArrays) => {
      const y = await apply(params, x);
      y['w2']!.data[0]! += 0.01;
      return y;
    };
    const run = assertEquivariance({
      f: biased,
      input: featuresOf(chain, 5, 3),
      elements: elementsOf(chain),
      actIn: moved(chain),
      actOut: moved(chain),
    });
    await expect(run).rejects.toThrow('w2');
  });

  test.each(collections)('on %s spans all equivariant maps: its rank is the number of orbits', async (_, own) => {
    const found = await responses(own, layerOf(own, 1, 1), featuresOf(own, 1, 24), false);
    expect(rank(found)).toBe(orbits(own).pairs);
  });

  test('without one of its terms has a lower rank', async () => {
    const found = await responses(hidden, layerOf(hidden, 1, 1), featuresOf(hidden, 1, 24), false);
    const { pairs } = orbits(hidden);
    expect(rank(found)).toBe(pairs);
    expect(rank(found.slice(1))).toBe(pairs - 1);
  });

  test.each(['hidden', 'all'] as const)(
    'spans on a chain the same maps as the layer of NFN, %s spaces permuted',
    async (permutable) => {
      const tensors = universalLayout(tiny, permutable).tensors.map((t) => ({
        name: t.name,
        indices: t.spaces.map((space, i) => ({ space, size: t.shape[t.axes[i]!]!, parent: t.within[i] })),
        folded: t.folded,
      }));
      const own: Collection = { name: 'tiny', spaces: {}, tensors };
      const x = featuresOf(own, 1, 40);
      const layout = layoutOf('test', tiny, permutable);
      const f = compile((p: Tensors, y: Tensors) => equivariantLinear(p, 'layer', layout, y), { threads: 1 });
      const params = equivariantLinearParameters('layer', layout, 1, 1, stream.split('nfn'));
      // The same numbers; NFN keeps an axis for the one output.
      const shaped = (y: NdArrays): NdArrays =>
        Object.fromEntries(
          layout.tensors.map((t) => {
            const shape = [40, ...t.axes.map((axis) => t.shape[axis]!), t.folded];
            return [t.name, { ...y[t.name]!, shape }];
          }),
        );
      const apply = async (p: NdArrays, y: NdArrays) =>
        (await f(p as never, shaped(y) as never)) as unknown as NdArrays;
      const nfn = await responses(own, { params, apply }, x, false);
      const unf = await responses(own, layerOf(own, 1, 1), x, false);
      expect(rank(nfn)).toBe(unf.length);
      expect(rank(unf)).toBe(unf.length);
      expect(rank([...nfn, ...unf])).toBe(unf.length);
    },
  );

  test('with shared channels is a full layer whose maps are products, plus maps of its own entries', async () => {
    const [c, d] = [2, 3];
    const shared = layerOf(deep, c, d, 5);
    const full = layerOf(deep, c, d);
    const params = Object.fromEntries(
      Object.keys(full.params).map((name) => [name, shared.params[name] ?? composed(deep, shared.params, name, c, d)]),
    );
    const factored = Object.keys(full.params).filter((name) => shared.params[name] === undefined);
    expect(factored).toEqual(['layer.[].weight', 'layer.[d].weight']);
    const x = featuresOf(deep, c, 2);
    const [y, z] = [await shared.apply(shared.params, x), await full.apply(params, x)];
    for (const { name } of deep.tensors) assertClose(y[name]!, z[name]!, { rtol: 1e-4, atol: 1e-5 });
  });

  test.each(collections)(
    'on %s: every parameter and input counts, and gradients are those of differences',
    (_, own) => {
      const plan = universalPlan(own.tensors);
      const check = (channels: number, shared: number | undefined) => {
        const { params } = layerOf(own, channels, channels, shared);
        const x = Object.entries(featuresOf(own, channels, 2)).map(([name, value]) => [`x.${name}`, value] as const);
        const inputs = { ...params, ...Object.fromEntries(x) };
        const f = (given: Tensors) => {
          const features = Object.fromEntries(own.tensors.map(({ name }) => [name, given[`x.${name}`]!]));
          return universalLinear(given, 'layer', plan, features);
        };
        expect(deadInputs(f, inputs)).toEqual([]);
        if (channels === 1) expect(gradientError(f, inputs)).toBeLessThan(1e-2);
      };
      check(1, undefined);
      check(1, 1);
      check(2, 3);
    },
  );

  test('leaves no tensor behind', () => {
    const plan = universalPlan(tied.tensors);
    const { params } = layerOf(tied, 2, 2);
    const [p, x] = [mapValues(params, toTensor), mapValues(featuresOf(tied, 2, 2), toTensor)];
    const before = tf.memory().numTensors;
    const y = tf.tidy(() => universalLinear(p, 'layer', plan, x));
    expect(tf.memory().numTensors - before).toBe(tied.tensors.length);
    tf.dispose([p, x, y]);
  });

  test('starts with outputs of the size of its inputs, shared or not', async () => {
    for (const shared of [undefined, 8]) {
      const { params, apply } = layerOf(deep, 16, 16, shared);
      // Equal entries: every mean is as large as they are.
      const x = mapValues(featuresOf(deep, 16, 40), ({ data, shape }) =>
        ndarray(
          Float32Array.from(data, (_, i) => data[Math.floor(i / (data.length / 40)) * (data.length / 40) + (i % 16)]!),
          shape,
        ),
      );
      const y = joinedOutputs(deep, await apply({ ...params, 'layer.bias': zeros(params['layer.bias']!.shape) }, x));
      const power = y.reduce((sum, v) => sum + v * v, 0) / y.length;
      expect(power).toBeGreaterThan(0.6);
      expect(power).toBeLessThan(1.6);
    }
  });
});

/** The Θ that a factored hub stands for: in · out, plus each tensor's own map. */
function composed({ tensors }: Collection, params: NdArrays, name: string, c: number, d: number): NdArray {
  const prefix = name.slice(0, -'.weight'.length);
  const [into, out] = [params[`${prefix}.in`]!, params[`${prefix}.out`]!];
  const [rows, shared, columns] = [into.shape[0]!, into.shape[1]!, out.shape[1]!];
  const data = new Float32Array(rows * columns);
  for (const i of range(rows)) {
    for (const j of range(columns)) {
      for (const k of range(shared)) data[i * columns + j]! += into.data[i * shared + k]! * out.data[k * columns + j]!;
    }
  }
  const hub = universalPlan(tensors).hubs.find(({ shape }) => prefix === `layer.[${shape}]`)!;
  for (const { name: tensor } of tensors) {
    const own = params[`${prefix}.own.${tensor}`];
    if (!own) continue;
    // One source and one target: no index of `deep` can be exchanged.
    const whole = (readings: typeof hub.sources) =>
      readings.findIndex(
        ({ pattern, kept }) => pattern.tensor.name === tensor && kept.length === pattern.tensor.indices.length,
      );
    const [row, column] = [whole(hub.sources) * c, whole(hub.targets) * d];
    for (const i of range(c)) for (const j of range(d)) data[(row + i) * columns + column + j]! += own.data[i * d + j]!;
  }
  return ndarray(data, [rows, columns]);
}
