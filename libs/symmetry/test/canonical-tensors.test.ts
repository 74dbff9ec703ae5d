import { forwardStacked, mlp } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { assertClose, compile, toTensor } from '@weightspace/compute';
import type { NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  act,
  actTensors,
  assertInvariance,
  certifyInvariance,
  gaugeTensors,
  genericParameters,
  isIdentity,
  neuronStatisticCounts,
  neuronStatistics,
  permutationGroup,
  randomElement,
  randomInputs,
  sortNeurons,
  symmetryGroup,
} from '@weightspace/symmetry';
import type { GroupElement } from '@weightspace/symmetry';

import { architectures } from './architectures.ts';
import { geluNet, reluNet, residualNet, sineNet, stream, tanhNet } from './networks.ts';

const COUNT = 3;
const identityNet = mlp({ sizes: [3, 5, 4, 2], activation: 'identity' });
const nets: readonly (readonly [string, Architecture])[] = [
  ['sine', sineNet],
  ['tanh', tanhNet],
  ['relu', reluNet],
  ['gelu', geluNet],
  ['identity', identityNet],
  ['residual', residualNet],
  ...architectures.map(([name, architecture]) => [name, architecture] as const),
];
const runner = (f: (w: Tensors) => Tensors, device: 'cpu' | 'eager' = 'cpu') => {
  const compiled = compile((w: Tensors) => f(w), { threads: 1, device });
  return async (w: NdArrays) => (await compiled(w)) as NdArrays;
};

const sorted = (architecture: Architecture, w: Tensors): Tensors => {
  const scores = Object.fromEntries(
    Object.entries(neuronStatistics(architecture, w)).map(([space, x]) => [space, x.sum(2) as Tensor]),
  );
  return actTensors(architecture, sortNeurons(architecture, scores), w);
};
const randomElements = (architecture: Architecture, whole: boolean): GroupElement[] => {
  const group = (whole ? symmetryGroup : permutationGroup)(architecture);
  const draws = stream('elements');
  // Of few elements one is the identity now and then.
  return Array.from({ length: 6 }, () => randomElement(group, draws)).filter((g) => !isIdentity(g));
};
const actIn = (architecture: Architecture) => (g: GroupElement, w: NdArrays) => act(architecture, g, w);

describe.each(nets)('on %s', (_, architecture) => {
  const input = genericParameters(architecture, stream('generic'), COUNT);

  test('sorting by statistics forgets orders, bit by bit', async () => {
    const f = runner((w) => sorted(architecture, w));
    const report = await assertInvariance({
      f,
      input,
      elements: randomElements(architecture, false),
      actIn: actIn(architecture),
    });
    expect(report.error).toBe(0);
  });

  test('gauge and sorting forget the whole group', async () => {
    const f = runner((w) => sorted(architecture, gaugeTensors(architecture, w)));
    const elements = randomElements(architecture, true);
    const report = await assertInvariance({ f, input, elements, actIn: actIn(architecture) });
    expect(report.error).toBeLessThan(1e-5);
  });

  test('neither changes the function', async () => {
    const x = randomInputs(architecture, stream('points'), 16);
    const f = compile(
      (w: Tensors, points: Tensors) => ({
        before: forwardStacked(architecture, w, points),
        after: forwardStacked(architecture, sorted(architecture, gaugeTensors(architecture, w)), points),
      }),
      { threads: 1 },
    );
    const { before, after } = (await f(input, x)) as NdArrays;
    const scale = Math.max(...Array.from(before!.data, Math.abs));
    assertClose(after!, before!, { rtol: 0, atol: 2e-5 * scale });
  });

  test('there are as many statistics as said', () => {
    const found = neuronStatistics(
      architecture,
      Object.fromEntries(Object.entries(input).map(([name, w]) => [name, toTensor(w)])),
    );
    const counts = Object.fromEntries(Object.entries(found).map(([space, { shape }]) => [space, shape[2]]));
    expect(counts).toEqual(neuronStatisticCounts(architecture));
  });
});

describe('gaugeTensors', () => {
  const elements = (architecture: Architecture) => randomElements(architecture, true);
  test.each([
    ['sine', sineNet],
    ['relu', reluNet],
  ] as const)('is needed on %s networks: without it the check fails', async (_, architecture) => {
    const report = await certifyInvariance({
      f: runner((w) => sorted(architecture, w)),
      input: genericParameters(architecture, stream('generic'), COUNT),
      elements: elements(architecture),
      actIn: actIn(architecture),
    });
    expect(report.passed).toBe(false);
  });

  test('moves phases to 0, makes rows that scale 1 long and sums that have a sign positive', async () => {
    const phases = await runner((w) => gaugeTensors(sineNet, w))(genericParameters(sineNet, stream('generic'), COUNT));
    for (const name of ['layer1', 'layer2', 'layer3']) {
      expect(Math.max(...Array.from(phases[`${name}.bias`]!.data, Math.abs))).toBeLessThanOrEqual(Math.PI / 60 + 1e-6);
    }
    const scales = await runner((w) => gaugeTensors(reluNet, w))(genericParameters(reluNet, stream('generic'), COUNT));
    const { 'layer2.weight': weight, 'layer2.bias': bias } = scales;
    for (let row = 0; row < bias!.data.length; row++) {
      const own = [...weight!.data.subarray(5 * row, 5 * row + 5), bias!.data[row]!];
      expect(own.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 5);
    }
    const signs = await runner((w) => gaugeTensors(tanhNet, w))(genericParameters(tanhNet, stream('generic'), COUNT));
    const rows = signs['layer1.weight']!.data;
    for (let row = 0; row < rows.length; row += 3) {
      expect(rows[row]! + rows[row + 1]! + rows[row + 2]!).toBeGreaterThanOrEqual(0);
    }
  });

  test('leaves neurons that read nothing but 0 as they are', async () => {
    const input = genericParameters(reluNet, stream('generic'), 1);
    input['layer1.weight']!.data.fill(0, 0, 3);
    input['layer1.bias']!.data[0] = 0;
    const found = await runner((w) => gaugeTensors(reluNet, w))(input);
    expect(Object.values(found).every(({ data }) => data.every(Number.isFinite))).toBe(true);
  });
});

describe('neuronStatistics', () => {
  test('are means and mean magnitudes of columns, rows and biases, place by place', async () => {
    const input = genericParameters(geluNet, stream('generic'), 1);
    const found = await runner((w) => neuronStatistics(geluNet, w))(input);
    const [first, bias, second] = ['layer1.weight', 'layer1.bias', 'layer2.weight'].map((name) => input[name]!.data);
    const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
    for (let q = 0; q < 5; q++) {
      const row = [0, 1, 2].map((j) => first![3 * q + j]!);
      const column = [0, 1, 2, 3].map((i) => second![5 * i + q]!);
      const places = [row, [bias![q]!], column];
      const want = [...places.map(mean), ...places.map((values) => mean(values.map(Math.abs)))];
      want.forEach((value, k) => expect(found['h1']!.data[6 * q + k]!).toBeCloseTo(value, 6));
    }
  });
});

describe('sortNeurons', () => {
  const network = architectures.find(([name]) => name.startsWith('attention with 2 heads of 3'))![1];
  const [head, qk] = ['attention.head', 'attention.qk'];

  test('sorts the neurons of each instance, which go where their instance goes', async () => {
    const scores = { [head!]: [1, 2], [qk!]: [3, 1, 2, 5, 6, 4] };
    const inputs = Object.fromEntries(
      Object.entries(scores).map(([name, data]) => [
        name,
        { dtype: 'float32', shape: [1, data.length], data: Float32Array.from(data) } as const,
      ]),
    );
    const found = await runner((s) => sortNeurons(network, s))(inputs);
    expect(Array.from(found[`${head}.permutation`]!.data)).toEqual([1, 0]);
    expect(Array.from(found[`${qk}.permutation`]!.data)).toEqual([1, 0, 2, 0, 2, 1]);
  });

  test('refuses scores of spaces that have no order, and of another size', () => {
    const zeros = (n: number) => toTensor({ dtype: 'float32', shape: [1, n], data: new Float32Array(n) });
    expect(() => sortNeurons(network, { x: zeros(4) })).toThrow(
      "sortNeurons: scores must be of free spaces ('attention.",
    );
    expect(() => sortNeurons(network, { [head!]: zeros(3) })).toThrow(
      "sortNeurons: scores 'attention.head' must have shape [1, 2], got [1, 3]",
    );
  });
});
