import { mlp } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';
import { imageData, logUniform, splitOf, trainingWork, trainingZooWork } from '@weightspace/network-zoo';
import type { TrainInput, TrainingPlan, TrainingZoo } from '@weightspace/network-zoo';
import { standardRun } from '@weightspace/zoo';
import { describe, expect, test } from 'vitest';

import { spread } from '../src/training-plan.ts';

const architectures = [mlp({ sizes: [4, 3, 2] }), mlp({ sizes: [4, 5, 2] })] as const;
const data = { module: 'a module', name: 'of data', input: {} };
const plan = (networks: number, kinds: 1 | 2 = 2): TrainingPlan => ({
  name: 'test-zoo',
  seed: 3,
  networks,
  draw: (stream, number) => ({
    architecture: architectures[number % kinds]!,
    run: { ...standardRun, learningRate: logUniform(stream, 1e-3, 1), trainShare: [0.5, 1][stream.integer(2)]! },
    more: { family: 'mlp', width: number % 2 === 0 ? 3 : 5 },
  }),
  codes: { family: ['cnn', 'mlp'] },
  epochs: 2,
  batch: 8,
  checkpoints: [0, 2],
  data,
  shardRuns: 6,
});
const notes = { recipe: { name: 'test' }, version: '1' };
const inputsOf = (work: ReturnType<typeof trainingWork>) => work.chunks.map(({ input }) => input as TrainInput);

describe('trainingWork', () => {
  test('has each run once, in shards of one architecture and of like shares', () => {
    const work = trainingWork(plan(25), notes);
    const inputs = inputsOf(work);
    expect(inputs.flatMap(({ numbers }) => numbers).sort((a, b) => a - b)).toEqual([...Array(25).keys()]);
    expect(work.chunks.every(({ rows }, i) => rows === 2 * inputs[i]!.runs.length && rows <= 12)).toBe(true);
    expect(work.chunks.map(({ networks: [first, last] }) => last - first + 1)).toEqual(
      inputs.map(({ runs }) => runs.length),
    );
    work.chunks.forEach(({ architecture }, i) => expect(architecture).toEqual(inputs[i]!.architecture));
    for (const { numbers, runs, more } of inputs) {
      expect(new Set(numbers.map((number) => number % 2)).size).toBe(1);
      const shares = runs.map(({ trainShare }) => trainShare);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
      expect(more['width']).toEqual(numbers.map((number) => (number % 2 === 0 ? 3 : 5)));
    }
    expect(new Set(inputs.flatMap(({ runs }) => runs.map(({ seed }) => seed))).size).toBe(25);
  });

  test('gives a larger zoo the same runs', () => {
    const runsOf = (networks: number) =>
      new Map(
        inputsOf(trainingWork(plan(networks), notes)).flatMap(({ numbers, runs, splits }) =>
          numbers.map((n, i) => [n, [runs[i], splits[i]]]),
        ),
      );
    const [few, many] = [runsOf(25), runsOf(40)];
    for (const [number, run] of few) expect(many.get(number)).toEqual(run);
  });

  test('keeps one architecture in the header where there is one', () => {
    const [one, two] = [trainingWork(plan(4, 1), notes), trainingWork(plan(4, 2), notes)];
    expect(one.header).toMatchObject({ architecture: architectures[0].spec, generator: 'data-test-zoo 1' });
    expect(one.chunks.every((chunk) => !('architecture' in chunk))).toBe(true);
    expect(two.header).not.toHaveProperty('architecture');
    expect(two.header.recipe).toMatchObject({
      name: 'test',
      networks: 4,
      checkpoints: [0, 2],
      codes: { family: ['cnn', 'mlp'] },
    });
  });

  test('draws what some runs share from one stream, and keeps an architecture in one split', () => {
    const drawn: number[] = [];
    const work = trainingWork(
      {
        ...plan(60),
        runsEach: 3,
        splitBy: 'architecture',
        draw: (_, __, shared) => {
          const width = 3 + shared.integer(8);
          drawn.push(width);
          return { architecture: mlp({ sizes: [4, width, 2] }), run: standardRun };
        },
      },
      notes,
    );
    for (let i = 0; i < 60; i += 3) expect(new Set(drawn.slice(i, i + 3)).size).toBe(1);
    expect(new Set(drawn).size).toBeGreaterThan(5);
    const splits = new Map<number, Set<number>>();
    for (const { numbers, splits: own } of inputsOf(work)) {
      numbers.forEach((number, i) => {
        const width = drawn[number]!;
        splits.set(width, new Set([...(splits.get(width) ?? []), own[i]!]));
      });
    }
    expect([...splits.values()].every(({ size }) => size === 1)).toBe(true);
    expect(new Set([...splits.values()].flatMap((own) => [...own])).size).toBeGreaterThan(1);
  });

  test('trains each architecture on data of its own where it has them', () => {
    const { draw, ...others } = plan(8);
    const own = (number: number) => ({ ...data, input: number % 2 });
    const work = trainingWork(
      { ...others, draw: (stream, number, shared) => ({ ...draw(stream, number, shared), data: own(number) }) },
      notes,
    );
    for (const { numbers, data: given } of inputsOf(work)) expect(given).toEqual(own(numbers[0]!));
  });

  test('names classes where they are not numbers', () => {
    expect(trainingWork(plan(4), { ...notes, classes: ['0', '1'] }).header).not.toHaveProperty('classes');
    expect(trainingWork(plan(4), { ...notes, classes: ['cat', 'dog'] }).header.classes).toEqual(['cat', 'dog']);
  });

  test('refuses a zoo of no networks', () => {
    expect(() => trainingWork(plan(0), notes)).toThrow(
      'trainingWork: a zoo needs networks, asked for 0; give --networks',
    );
  });
});

test('splitOf: of 20 runs that follow each other 14, 3 and 3', () => {
  const stream = RandomStream.fromSeed(1);
  for (const from of [0, 20, 60]) {
    const codes = Array.from({ length: 20 }, (_, i) => splitOf(stream, from + i));
    expect([0, 1, 2].map((code) => codes.filter((one) => one === code).length)).toEqual([14, 3, 3]);
  }
});

test('logUniform has as many numbers in each decade', () => {
  const stream = RandomStream.fromSeed(1);
  const draws = Array.from({ length: 3000 }, () => Math.log10(logUniform(stream, 1e-3, 1)));
  for (const decade of [-3, -2, -1]) {
    const share = draws.filter((z) => z >= decade && z < decade + 1).length / 3000;
    expect(Math.abs(share - 1 / 3)).toBeLessThan(0.03);
  }
});

test('shards come in another order, none lost, neighbours far apart', () => {
  for (const count of [1, 2, 3, 8, 12, 25, 126]) {
    const shards = [...Array(count).keys()];
    const order = spread(shards);
    expect([...order].sort((a, b) => a - b)).toEqual(shards);
    if (count > 4) order.slice(1).forEach((one, i) => expect(Math.abs(one - order[i]!)).toBeGreaterThan(1));
  }
});

describe('imageData', () => {
  const input = { set: 'mnist', train: 20, validation: 5, test: 7, probe: 10 };
  test('has images from −1 to 1, and keeps parts apart', () => {
    const { train, trainProbe, validation, test: tested } = imageData(input);
    expect([train, trainProbe!, validation!, tested].map(({ inputs }) => inputs.shape)).toEqual([
      [20, 28, 28, 1],
      [10, 28, 28, 1],
      [5, 28, 28, 1],
      [7, 28, 28, 1],
    ]);
    const values = [...train.inputs.data];
    expect([Math.min(...values), Math.max(...values)]).toEqual([-1, 1]);
    expect([...train.labels!.data.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...tested.labels!.data.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  });
  test.each([
    ['pixels', [20, 784, 1]],
    ['rows', [20, 28, 28]],
    ['vector', [20, 784]],
    ['set', [20, 784, 3]],
  ] as const)('takes them for %s', (form, shape) => {
    expect(imageData({ ...input, form }).train.inputs.shape).toEqual(shape);
  });
  test('has pixels with their places', () => {
    const { data: all } = imageData({ ...input, form: 'set' }).train.inputs;
    const pixels = imageData(input).train.inputs.data;
    for (const [image, row, column] of [
      [0, 0, 0],
      [3, 14, 7],
      [19, 27, 27],
    ] as const) {
      const at = (image * 28 + row) * 28 + column;
      expect([...all.subarray(3 * at, 3 * at + 3)]).toEqual(
        [pixels[at]!, (2 * row) / 27 - 1, (2 * column) / 27 - 1].map(Math.fround),
      );
    }
  });
  test('shrinks them to means of squares', () => {
    const [small, large] = [imageData({ ...input, shrink: 2 }), imageData(input)].map((all) => all.test.inputs);
    expect(small!.shape).toEqual([7, 14, 14, 1]);
    for (const [image, row, column] of [
      [0, 4, 5],
      [6, 9, 6],
    ] as const) {
      const at = (r: number, c: number) => large!.data[(image * 28 + 2 * row + r) * 28 + 2 * column + c]!;
      const mean = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4;
      expect(small!.data[(image * 14 + row) * 14 + column]).toBeCloseTo(mean, 5);
    }
    expect(() => imageData({ ...input, shrink: 3 })).toThrow(
      'imageData: shrink must be a divisor of 28 and 28, the rows and columns of mnist, got 3',
    );
  });
  test('refuses more than there are, and none', () => {
    expect(() => imageData({ ...input, train: 59_999 })).toThrow(
      'imageData: mnist has 60,000 images for training and validation and 10,000 for testing, asked for 59999 + 5 and 7',
    );
    expect(() => imageData({ ...input, probe: 21 })).toThrow('no more for probing than for training, got 20, 7 and 21');
  });
});

test('trainingZooWork refuses checkpoints beyond the last epoch, and no epochs', () => {
  const { draw, codes, epochs, batch, checkpoints } = plan(4);
  const zoo: TrainingZoo<object> = {
    name: 'test-zoo',
    description: '',
    version: '1',
    options: [],
    defaults: { networks: 4, epochs, batch, checkpoints },
    draw: (stream, _, number, shared) => draw(stream, number, shared),
    codes,
    data: () => data,
    notes: () => ({ recipe: {} }),
  };
  const settings = { seed: 0, resume: false, quiet: true, networks: 4, epochs, batch, checkpoints };
  expect(trainingZooWork(zoo, settings)).toMatchObject({ folder: 'zoos/test-zoo-4', rowsEach: 2 });
  expect(() => trainingZooWork(zoo, { ...settings, checkpoints: [3] })).toThrow(
    '--checkpoints must be at most --epochs 2, got 3',
  );
  expect(() => trainingZooWork(zoo, { ...settings, epochs: 0 })).toThrow(
    '--epochs and --batch must be 1 or more, got 0 and 8',
  );
});
