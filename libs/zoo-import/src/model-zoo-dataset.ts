/** @file ModelZooDataset: a folder for each run, with its settings, its results per epoch, and its checkpoints. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { resnet } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { Checkpoint } from '@weightspace/checkpoint';

import { architectureFrom, ArchitectureList } from './architecture-list.ts';
import { BrokenRuns } from './broken-runs.ts';
import type { ImportedRow, ImportPlan, PlanOptions, ZooFormat } from './import-plan.ts';
import { poolingCnn } from './pooling-cnn.ts';
import { numberOf, parseFields } from './read-json.ts';
import type { Fields } from './read-json.ts';
import { quoted, readFile, refusal } from './refuse.ts';
import { openTorch, tensorReader } from './torch-file.ts';
import { torchvisionName } from './torchvision-name.ts';

/** Their names of activations and ours. */
const ACTIVATIONS: { readonly [name: string]: string } = {
  tanh: 'tanh',
  relu: 'relu',
  sigmoid: 'sigmoid',
  gelu: 'gelu',
  silu: 'silu',
  leakyrelu: 'leaky-relu',
};
/** Their small networks: channels and kernels of the convolutions, which of them a pooling follows, and the side of images. */
const CNNS: { readonly [type: string]: Parameters<typeof poolingCnn>[0]['shape'] } = {
  CNN: { side: 28, channels: [8, 6, 4], kernels: [5, 5, 2], pools: [true, true, false], hidden: 20 },
  CNN2: { side: 28, channels: [6, 9, 6], kernels: [5, 5, 2], pools: [true, true, false], hidden: 20 },
  CNN3: { side: 32, channels: [16, 32, 15], kernels: [3, 3, 3], pools: [true, true, true], hidden: 20 },
};
const SETTINGS = {
  'learning-rate': 'optim::lr',
  'weight-decay': 'optim::wd',
  dropout: 'model::dropout',
  batch: 'training::batchsize',
} as const;
const WORDS = { optimizer: 'optim::optimizer', initialization: 'model::init_type', activation: 'model::nlin' } as const;
const TARGETS = {
  'test-accuracy': 'test_acc',
  'test-loss': 'test_loss',
  'train-accuracy': 'train_acc',
  'train-loss': 'train_loss',
  'validation-accuracy': 'val_acc',
} as const;

async function plan(folder: string, { skipBroken }: PlanOptions): Promise<ImportPlan> {
  const names = existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    : [];
  const runs = names.filter((name) => existsSync(join(folder, name, 'params.json'))).sort();
  if (runs.length === 0) {
    const [expected, found] = [
      'folders of runs, each with params.json',
      names.length === 0 ? 'no folders' : `${names.length} folders without`,
    ];
    throw refusal({
      file: folder,
      expected,
      found,
      remedy: 'name the folder of one zoo, which the download unpacks to',
    });
  }
  const [architectures, broken] = [new ArchitectureList(), new BrokenRuns(skipBroken)];
  const rows: ImportedRow[] = [];
  let run = 0;
  for (const name of runs) {
    const own = await broken.attempt(() => rowsOf(run, join(folder, name), architectures));
    if (!own || own.length === 0) continue;
    rows.push(...own);
    run++;
  }
  return {
    architectures: architectures.all,
    rows,
    imageSet: undefined,
    recipe: { zoo: basename(folder), train: 'while training, with dropout' },
    broken: broken.messages,
  };
}

async function rowsOf(run: number, folder: string, architectures: ArchitectureList): Promise<ImportedRow[]> {
  const paramsFile = join(folder, 'params.json');
  const params = parseFields(readFile(paramsFile).toString('utf8'), paramsFile);
  const results = resultsOf(join(folder, 'result.json'));
  const rows: ImportedRow[] = [];
  for (const { epoch, file } of checkpointsOf(folder)) {
    const result = results.get(epoch);
    if (!result) {
      const epochs = [...results.keys()];
      const found = epochs.length === 0 ? 'none' : `those from ${epochs[0]} to ${epochs.at(-1)}`;
      throw refusal({
        file: join(folder, 'result.json'),
        expected: `a line with training_iteration ${epoch}, of which there is a checkpoint`,
        found,
      });
    }
    const checkpoint = await openTorch(file);
    const made = architectureFrom(paramsFile, 'model::type', () => architectureOf(params, paramsFile, checkpoint));
    const reader = tensorReader(made, checkpoint, namesOf(made, checkpoint, String(params['model::type'])));
    const at = `line ${result.line}`;
    rows.push({
      run,
      epoch,
      source: file,
      architecture: architectures.numberOf(made, reader),
      target: mapValues(TARGETS, (key) => numberOf(result.fields, key, join(folder, 'result.json'), at)),
      diverged: ['test_loss', 'train_loss'].some((key) => result.fields[key] === null),
      settings: mapValues(SETTINGS, (key) => numberOf(params, key, paramsFile)),
      words: mapValues(WORDS, (key) => String(params[key] ?? '')),
    });
  }
  return rows;
}

const mapValues = <T>(keys: { readonly [name: string]: string }, f: (key: string) => T): { [name: string]: T } =>
  Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, f(key)]));

/** One line of JSON for each epoch. */
function resultsOf(file: string): Map<number, { readonly line: number; readonly fields: Fields }> {
  const results = new Map<number, { line: number; fields: Fields }>();
  const lines = readFile(file).toString('utf8').split('\n');
  lines.forEach((text, i) => {
    if (text.trim() === '') return;
    const fields = parseFields(text, file, `line ${i + 1}`);
    const epoch = numberOf(fields, 'training_iteration', file, `line ${i + 1}`);
    if (Number.isNaN(epoch))
      throw refusal({
        file,
        at: `line ${i + 1}`,
        expected: 'training_iteration',
        found: Object.keys(fields).join(', '),
      });
    results.set(epoch, { line: i + 1, fields });
  });
  return results;
}

/** `checkpoint_25` or `checkpoint_000025`, each with a file `checkpoints`. */
function checkpointsOf(folder: string): { readonly epoch: number; readonly file: string }[] {
  const found = readdirSync(folder).flatMap((name) => {
    const [, digits] = /^checkpoint_(\d+)$/.exec(name) ?? [];
    const file = join(folder, name, 'checkpoints');
    return digits === undefined || !existsSync(file) ? [] : [{ epoch: Number(digits), file }];
  });
  return found.sort((a, b) => a.epoch - b.epoch);
}

function architectureOf(params: Fields, file: string, checkpoint: Checkpoint): Architecture {
  const [type, inputs] = [String(params['model::type']), numberOf(params, 'model::channels_in', file)];
  const last = checkpoint.tensors.findLast(({ name }) => name.endsWith('.bias'))?.shape[0];
  const outputs = last ?? numberOf(params, 'model::o_dim', file);
  if (type === 'Resnet18') return resnet({ stem: 'cifar', positions: [32, 32], size: inputs, outputs });
  const shape = CNNS[type];
  if (!shape) {
    const expected = `one of ${[...Object.keys(CNNS), 'Resnet18'].join(', ')}`;
    throw refusal({
      file,
      at: 'model::type',
      expected,
      found: quoted(type),
      remedy: 'zoos of other networks, such as the sparse twins, are not read',
    });
  }
  const nonlinear = String(params['model::nlin']);
  const activation = ACTIVATIONS[nonlinear];
  if (!activation)
    throw refusal({
      file,
      at: 'model::nlin',
      expected: `one of ${Object.keys(ACTIVATIONS).join(', ')}`,
      found: quoted(nonlinear),
    });
  return poolingCnn({ shape, inputs, outputs, activation, name: `${type} ${inputs} ${nonlinear}` });
}

/**
 * Modules are numbered there with poolings, activations and dropout among them: the n-th that has weights is our n-th layer.
 * ResNets have torchvision's names.
 */
function namesOf({ parameters }: Architecture, { tensors }: Checkpoint, type: string): (parameter: string) => string {
  if (type === 'Resnet18') return torchvisionName;
  const modules = [...new Set(tensors.map(({ name }) => name.replace(/\.[^.]+$/, '')))];
  const layers = [...new Set(parameters.map(({ name }) => name.replace(/\.[^.]+$/, '')))];
  return (parameter) => {
    const [, layer = '', own = ''] = /^(.*)\.([^.]+)$/.exec(parameter) ?? [];
    return `${modules[layers.indexOf(layer)] ?? 'module_list.?'}.${own}`;
  };
}

/**
 * Source: Schürholt et al. 2022, arXiv:2209.14764, the raw zoos of ModelZooDataset.
 * Departs: nothing. Not read: the preprocessed `.pt` files, which hold Python objects, and the sparse twins.
 */
export const modelZooDataset: ZooFormat = {
  name: 'model-zoo-dataset',
  description: 'a raw zoo of ModelZooDataset, Schürholt et al. 2022',
  holds: 'folders of runs with params.json, result.json and checkpoint_000000/checkpoints, …',
  plan,
};
