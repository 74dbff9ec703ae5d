/** @file The CNN Wild Park: a PyTorch checkpoint for each row, with its network's settings; a JSON file with the parts. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { parkCnn } from '@weightspace/architecture';
import type { Architecture, ParkCnnOptions } from '@weightspace/architecture';
import type { Checkpoint } from '@weightspace/checkpoint';

import { architectureFrom, ArchitectureList } from './architecture-list.ts';
import { BrokenRuns } from './broken-runs.ts';
import type { ImportedRow, ImportPlan, PlanOptions, ZooFormat } from './import-plan.ts';
import { groupBy } from './lists.ts';
import { parseFields } from './read-json.ts';
import type { Fields } from './read-json.ts';
import { quoted, readFile, refusal } from './refuse.ts';
import { openTorch, tensorReader } from './torch-file.ts';

const SPLITS_FILE = 'cnn_park_splits.json';
const PARTS = ['train', 'val', 'test'] as const;
const SIDE = 32;
type Activation = ParkCnnOptions['layers'][number]['activation'];
const ACTIVATIONS: { readonly [name: string]: Activation } = {
  relu: 'relu',
  gelu: 'gelu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  leaky_relu: { kind: 'leaky-relu', slope: 0.01 },
  none: 'identity',
};

/** A checkpoint, and what the JSON file says of it. */
interface Listed {
  readonly file: string;
  readonly score?: number;
  readonly part?: number;
}

async function plan(folder: string, { skipBroken, splitFile }: PlanOptions): Promise<ImportPlan> {
  const splits = splitFile ?? join(folder, SPLITS_FILE);
  const listed = existsSync(splits) ? fromSplits(folder, splits) : fromFolders(folder);
  const runs = groupBy(listed, ({ file }) => dirname(dirname(file)));
  const [architectures, broken] = [new ArchitectureList(), new BrokenRuns(skipBroken)];
  const rows: ImportedRow[] = [];
  const published = new Map<number, number>();
  let run = 0;
  for (const [path, checkpoints] of [...runs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const own = await broken.attempt(() => rowsOf(run, checkpoints, architectures));
    if (!own) continue;
    const parts = new Set(checkpoints.flatMap(({ part }) => part ?? []));
    if (parts.size > 1)
      throw refusal({
        file: splits,
        at: basename(path),
        expected: 'all checkpoints of a run in one part',
        found: [...parts].map((i) => PARTS[i]).join(' and '),
      });
    for (const part of parts) published.set(run, part);
    rows.push(...own);
    run++;
  }
  return {
    architectures: architectures.all,
    rows,
    imageSet: 'cifar-10',
    recipe: { inputs: 'red, green and blue, less their means, by their deviations' },
    broken: broken.messages,
    ...(published.size === 0 ? {} : { published }),
  };
}

/** `{ train: { path: […], score: […], step: […] }, val: …, test: … }`; paths are relative to the folder. */
function fromSplits(folder: string, file: string): Listed[] {
  const parts = parseFields(readFile(file).toString('utf8'), file);
  const listed = PARTS.flatMap((name, part) => {
    const { path, score } = (parts[name] ?? {}) as Fields;
    const rows = Array.isArray(path) ? path : undefined;
    if (!rows || !Array.isArray(score) || score.length !== rows.length) {
      const found = rows
        ? `${rows.length} paths, ${Array.isArray(score) ? score.length : 'no'} scores`
        : 'no list of paths';
      throw refusal({ file, at: name, expected: 'lists path and score of one length', found });
    }
    return rows.map((relative, row): Listed => {
      const at = `${name}, row ${row}`;
      if (typeof relative !== 'string' || typeof score[row] !== 'number')
        throw refusal({
          file,
          at,
          expected: 'a path and a number',
          found: `${JSON.stringify(relative)}, ${JSON.stringify(score[row])}`,
        });
      const checkpoint = join(folder, relative);
      if (!existsSync(checkpoint))
        throw refusal({
          file,
          at,
          expected: `the file ${checkpoint}`,
          found: 'none',
          remedy: 'unpack the whole download beside the JSON file',
        });
      return { file: checkpoint, score: score[row] as number, part };
    });
  });
  const seen = new Set<string>();
  const twice = listed.find(({ file: path }) => seen.size === seen.add(path).size);
  if (twice) throw refusal({ file, expected: 'each checkpoint once', found: `${twice.file} twice` });
  return listed;
}

/** Without a JSON file: all there are. */
function fromFolders(folder: string): Listed[] {
  const files = ['', '*'].flatMap((inner) => findCheckpoints(join(folder, inner)));
  if (files.length > 0) return files.map((file) => ({ file }));
  throw refusal({
    file: folder,
    expected: `${SPLITS_FILE}, or folders RUN/checkpoint_000010/checkpoint.pt`,
    found: 'none of them',
    remedy: 'name the folder that the download unpacks to',
  });
}

function findCheckpoints(pattern: string): string[] {
  const folders = pattern.endsWith('*') ? foldersIn(dirname(pattern)) : [pattern];
  return folders
    .flatMap(foldersIn)
    .flatMap(foldersIn)
    .map((path) => join(path, 'checkpoint.pt'))
    .filter((path) => existsSync(path))
    .sort();
}

const foldersIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [join(folder, entry.name)] : [],
      )
    : [];

async function rowsOf(
  run: number,
  checkpoints: readonly Listed[],
  architectures: ArchitectureList,
): Promise<ImportedRow[]> {
  const rows: ImportedRow[] = [];
  for (const { file, score } of checkpoints) {
    const checkpoint = await openTorch(file);
    const { metadata } = checkpoint;
    const architecture = architectureFrom(file, 'config', () => architectureOf(checkpoint));
    const reader = tensorReader(architecture, checkpoint, nameOf, 'model.');
    const number = (key: string) => (metadata[key] === undefined ? NaN : Number(metadata[key]));
    const epoch = number('iteration');
    if (!(epoch >= 0))
      throw refusal({
        file,
        at: 'iteration',
        expected: 'the number of epochs',
        found: quoted(metadata['iteration'] ?? 'none'),
      });
    rows.push({
      run,
      epoch,
      source: file,
      architecture: architectures.numberOf(architecture, reader),
      target: {
        'test-accuracy': score ?? number('last_result.test/acc'),
        'test-loss': number('last_result.test/loss'),
        'train-accuracy': NaN,
        'train-loss': NaN,
      },
      diverged: false,
      settings: {
        'learning-rate': number('last_result.config.optimizer.lr'),
        'weight-decay': number('last_result.config.optimizer.weight_decay'),
        batch: number('last_result.config.batch_size'),
      },
      words: {},
    });
  }
  return rows.sort((a, b) => a.epoch - b.epoch);
}

/** @throws {ZooError} when the settings aren't those of a network of the park */
function architectureOf({ file, metadata }: Checkpoint): Architecture {
  const list = (name: string): string[] => {
    const values: string[] = [];
    for (let i = 0; metadata[`config.${name}.${i}`] !== undefined; i++) values.push(metadata[`config.${name}.${i}`]!);
    return values;
  };
  const [channels, kernels, strides, paddings, residuals] = [
    'channels',
    'kernel_size',
    'stride',
    'padding',
    'residual',
  ].map((name) => list(name).map(Number)) as [number[], number[], number[], number[], number[]];
  const activations = list('activation');
  const lengths = [
    channels.length - 1,
    kernels.length,
    strides.length,
    paddings.length,
    residuals.length,
    activations.length,
  ];
  if (new Set(lengths).size > 1 || activations.length === 0) {
    const found = `channels [${channels.join(', ')}], kernel_size [${kernels.join(', ')}], residual [${residuals.join(', ')}], activation [${activations.join(', ')}]`;
    throw refusal({
      file,
      at: 'config',
      expected: 'channels, kernel_size, stride, padding, residual and activation of each layer',
      found,
    });
  }
  const unlike = kernels.findIndex((kernel, i) => strides[i] !== 1 || paddings[i] !== Math.floor(kernel / 2));
  if (unlike >= 0) {
    const found = `stride ${strides[unlike]}, padding ${paddings[unlike]} with kernel ${kernels[unlike]}`;
    throw refusal({ file, at: `config, layer ${unlike}`, expected: 'stride 1 and half the kernel as padding', found });
  }
  const layers = activations.map((name, i) => {
    const activation = ACTIVATIONS[name];
    if (activation === undefined)
      throw refusal({
        file,
        at: `config.activation.${i}`,
        expected: `one of ${Object.keys(ACTIVATIONS).join(', ')}`,
        found: quoted(name),
      });
    const residual = residuals[i]!;
    return { channels: channels[i + 1]!, kernel: kernels[i]!, activation, ...(residual < 0 ? {} : { residual }) };
  });
  return parkCnn({
    input: { positions: [SIDE, SIDE], size: channels[0]! },
    layers,
    outputs: Number(metadata['config.n_classes'] ?? 10),
  });
}

/** `conv3.weight` is `layers.2.weight` there. */
const nameOf = (parameter: string): string =>
  parameter.replace(/^conv(\d+)\./, (_, i: string) => `layers.${Number(i) - 1}.`);

/**
 * Source: Kofinas et al. 2024, arXiv:2403.12143, dataset "CNN Wild Park".
 * Departs: nothing.
 */
export const wildPark: ZooFormat = {
  name: 'cnn-wild-park',
  description: 'the CNN Wild Park of Neural Graphs, Kofinas et al. 2024',
  holds: `${SPLITS_FILE} and folders RUN/checkpoint_000010/checkpoint.pt`,
  plan,
};
