/** @file The Small CNN Zoo: one array of all weights, one table of all rows. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { cnn } from '@weightspace/architecture';
import { openCheckpoint } from '@weightspace/checkpoint';

import { CsvTable, rowName } from './csv.ts';
import type {
  ImportedArchitecture,
  ImportedRow,
  ImportPlan,
  ParameterPlace,
  PlanOptions,
  ZooFormat,
} from './import-plan.ts';
import { quoted, readFile, refusal } from './refuse.ts';

const UNPACKED_LIMIT = 2 ** 30;
/** Image sets by their names in the table, with ours, and the side of their images. */
const SETS: { readonly [name: string]: { readonly imageSet: string; readonly side: number } } = {
  mnist: { imageSet: 'mnist', side: 28 },
  fashion_mnist: { imageSet: 'fashion-mnist', side: 28 },
  cifar10: { imageSet: 'cifar-10', side: 32 },
  svhn_cropped: { imageSet: 'svhn', side: 32 },
};
/** Keras's layers and ours. */
const LAYERS: { readonly [name: string]: string } = {
  conv2d: 'conv1',
  conv2d_1: 'conv2',
  conv2d_2: 'conv3',
  dense: 'fc1',
};
const ACTIVATIONS = ['relu', 'tanh'] as const;

const SETTINGS = {
  'learning-rate': 'config.learning_rate',
  'weight-decay': 'config.l2reg',
  dropout: 'config.dropout',
  'init-scale': 'config.init_std',
  'train-share': 'config.train_fraction',
} as const;
const WORDS = {
  optimizer: 'config.optimizer',
  initialization: 'config.w_init',
  activation: 'config.activation',
} as const;
const TARGETS = {
  'test-accuracy': 'test_accuracy',
  'test-loss': 'test_loss',
  'train-accuracy': 'train_accuracy',
  'train-loss': 'train_loss',
} as const;

async function plan(folder: string, { splitFile }: PlanOptions): Promise<ImportPlan> {
  const metrics = new CsvTable(join(folder, 'metrics.csv.gz'), unpacked(join(folder, 'metrics.csv.gz')));
  const layout = new CsvTable(join(folder, 'layout.csv'), readFile(join(folder, 'layout.csv')));
  const weights = await openWeights(join(folder, 'weights.npy'), metrics);
  const set = imageSetOf(metrics);
  const places = placesOf(layout, weights.width);
  const architectures = ACTIVATIONS.map((activation): ImportedArchitecture => {
    const { spec } = cnn({
      input: { positions: [set.side, set.side], size: 1 },
      features: [16, 16, 16],
      stride: 2,
      padding: 0,
      activation,
      outputs: 10,
      name: `small cnn ${activation}`,
    });
    return { spec, reader: { places, rows: weights } };
  });
  const rows = rowsOf(metrics);
  const split = splitFile ?? (existsSync(join(folder, 'split.csv')) ? join(folder, 'split.csv') : undefined);
  return {
    architectures,
    rows,
    imageSet: set.imageSet,
    recipe: { inputs: 'grey, from -1 to 1', epochs: 86, batch: 512 },
    broken: [],
    ...(split === undefined ? {} : { published: publishedSplit(split, rows, metrics.count) }),
  };
}

function unpacked(file: string): Buffer {
  const bytes = readFile(file);
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_LIMIT });
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw refusal({ file, expected: `a gzip file of at most ${UNPACKED_LIMIT} bytes`, found });
  }
}

/** Only the header is read here: the array has 5 GB. */
async function openWeights(file: string, metrics: CsvTable) {
  const { tensors } = await openCheckpoint(file);
  const { dtype, shape, location } = tensors[0]!;
  const [count = 0, width = 0] = shape;
  const plain = location !== undefined && location.strides === undefined && location.bigEndian !== true;
  if (tensors.length !== 1 || dtype !== 'float32' || shape.length !== 2 || !plain) {
    const found = `${tensors.length === 1 ? '' : `${tensors.length} arrays, such as `}${dtype} [${shape.join(', ')}]`;
    throw refusal({ file, expected: 'one array of float32 [rows, weights], row by row', found });
  }
  if (count !== metrics.count)
    throw refusal({ file, expected: `${metrics.count} rows, as in metrics.csv.gz`, found: String(count) });
  return { file, offset: location.offset, width };
}

function imageSetOf(metrics: CsvTable): { imageSet: string; side: number } {
  const name = metrics.count > 0 ? metrics.text(0, 'config.dataset') : '';
  const set = SETS[name];
  const known = Object.keys(SETS).join(', ');
  if (!set)
    throw refusal({
      file: metrics.file,
      at: `${rowName(0)}, config.dataset`,
      expected: `one of ${known}`,
      found: quoted(name),
    });
  return set;
}

/** @throws {ZooError} unless the layout has each parameter once, of the sizes of the published network, and fills the width */
function placesOf(layout: CsvTable, width: number): { [parameter: string]: ParameterPlace } {
  const { file } = layout;
  const places: { [parameter: string]: ParameterPlace } = {};
  const wanted = expectedShapes();
  let filled = 0;
  for (let row = 0; row < layout.count; row++) {
    const name = layout.text(row, 'varname');
    const [, layer = '', what = ''] = /^(?:[^/]+\/)?([^/]+)\/(kernel|bias):0$/.exec(name) ?? [];
    const parameter = `${LAYERS[layer]}.${what === 'kernel' ? 'weight' : 'bias'}`;
    const shape = [...layout.text(row, 'shape').matchAll(/\d+/g)].map(Number);
    const [start, end] = [layout.whole(row, 'start_idx'), layout.whole(row, 'end_idx')];
    const expected = wanted.get(parameter);
    if (!expected || parameter in places)
      throw refusal({
        file,
        at: `${rowName(row)}, varname`,
        expected: `one of ${[...wanted.keys()].join(', ')} in Keras's words`,
        found: quoted(name),
      });
    if (shape.join() !== expected.join())
      throw refusal({
        file,
        at: `${rowName(row)}, shape`,
        expected: `(${expected.join(', ')})`,
        found: quoted(layout.text(row, 'shape')),
      });
    const size = shape.reduce((product, n) => product * n, 1);
    if (end - start !== size || end > width)
      throw refusal({
        file,
        at: rowName(row),
        expected: `${size} of the ${width} columns of weights.npy`,
        found: `${start} to ${end}`,
      });
    // Keras's [h, w, in, out] and [in, out] become [out, in, h, w] and [out, in].
    const axes = shape.length === 4 ? [3, 2, 0, 1] : shape.length === 2 ? [1, 0] : [0];
    places[parameter] = { from: 'row', start, shape, axes };
    filled += size;
  }
  if (filled !== width || Object.keys(places).length !== wanted.size)
    throw refusal({
      file,
      expected: `all ${width} columns of weights.npy as ${wanted.size} parameters`,
      found: `${filled} as ${Object.keys(places).length}`,
    });
  return places;
}

/** As Keras has them. */
const expectedShapes = (): ReadonlyMap<string, readonly number[]> =>
  new Map<string, readonly number[]>([
    ['conv1.weight', [3, 3, 1, 16]],
    ['conv1.bias', [16]],
    ['conv2.weight', [3, 3, 16, 16]],
    ['conv2.bias', [16]],
    ['conv3.weight', [3, 3, 16, 16]],
    ['conv3.bias', [16]],
    ['fc1.weight', [16, 10]],
    ['fc1.bias', [10]],
  ]);

function rowsOf(metrics: CsvTable): ImportedRow[] {
  const runs = new Map<string, number>();
  const rows = Array.from({ length: metrics.count }, (_, row): ImportedRow => {
    const folder = metrics.text(row, 'modeldir');
    const run = runs.get(folder) ?? runs.set(folder, runs.size).get(folder)!;
    const read = (columns: { readonly [name: string]: string }) =>
      Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, metrics.number(row, column)]));
    const words = Object.fromEntries(Object.entries(WORDS).map(([name, column]) => [name, metrics.text(row, column)]));
    const architecture = ACTIVATIONS.indexOf(words['activation'] as 'relu');
    if (architecture < 0) {
      const at = `${rowName(row)}, config.activation`;
      throw refusal({
        file: metrics.file,
        at,
        expected: `one of ${ACTIVATIONS.join(', ')}`,
        found: quoted(words['activation']!),
      });
    }
    const epoch = metrics.whole(row, 'step');
    const target = read(TARGETS);
    const diverged = !Number.isFinite(target['test-loss']) || !Number.isFinite(target['train-loss']);
    return { run, epoch, source: row, architecture, target, diverged, settings: read(SETTINGS), words };
  });
  return rows.toSorted((a, b) => a.run - b.run || a.epoch - b.epoch);
}

/**
 * The split of nfn: a permutation of all rows. Of those at the end of training, in that order, the second half is for testing; a
 * fifth of the first half is for validation, which they draw with Python's generator: here it is every fifth of it.
 *
 * Source: Zhou et al. 2023, arXiv:2302.14040; experiments/data_utils.py and predict_gen_data_splits of their code.
 */
function publishedSplit(file: string, rows: readonly ImportedRow[], count: number): Map<number, number> {
  const numbers = readFile(file)
    .toString('latin1')
    .split(/\s+/)
    .filter((text) => text !== '')
    .map(Number);
  // The published files have a line too many at the beginning.
  const order = numbers.length === count + 1 ? numbers.slice(1) : numbers;
  const wrong = order.findIndex((row) => !Number.isInteger(row) || row < 0 || row >= count);
  if (order.length !== count || wrong >= 0 || new Set(order).size !== count) {
    const found =
      wrong >= 0
        ? `${order[wrong]} in line ${wrong + 1}`
        : `${new Set(order).size} different ones in ${order.length} lines`;
    throw refusal({ file, expected: `each of the row numbers 0 to ${count - 1} once`, found });
  }
  const last = rows.reduce((most, { epoch }) => Math.max(most, epoch), 0);
  const runOf = new Map(rows.filter(({ epoch }) => epoch === last).map(({ source, run }) => [source, run]));
  const final = order.flatMap((row) => runOf.get(row) ?? []);
  const half = Math.floor(final.length / 2);
  return new Map(final.map((run, i) => [run, i >= half ? 2 : i % 5 === 4 ? 1 : 0]));
}

/**
 * Source: Unterthiner et al. 2020, arXiv:2002.11448, dataset "Small CNN Zoo".
 * Departs: rows and runs that aren't finite are dealt with as in all zoos (importZoo).
 */
export const smallCnnZoo: ZooFormat = {
  name: 'small-cnn-zoo',
  description: 'the Small CNN Zoo of Unterthiner et al. 2020, any of its four sets',
  holds: 'weights.npy, metrics.csv.gz and layout.csv',
  plan,
};
