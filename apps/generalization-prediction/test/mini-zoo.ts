/** @file Networks whose target is a function of their weights, so that something can be learnt in seconds. */
import { cnn, initialize } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { mapValues, ndarray, RandomStream } from '@weightspace/compute';
import type { ZooRows } from '@weightspace/zoo';

export interface MiniInput {
  readonly features: readonly number[];
  readonly activation: 'relu' | 'tanh';
  readonly firstRun: number;
  readonly runs: number;
}

export const EPOCHS = [1, 2] as const;

export const miniArchitecture = ({ features, activation }: Pick<MiniInput, 'features' | 'activation'>): Architecture =>
  cnn({
    input: { positions: [8, 8], size: 1 },
    features,
    stride: 1,
    outputs: 3,
    activation,
    name: `mini ${features.join('-')} ${activation}`,
  });

/** Runs of two checkpoints each; the first 60 % of runs are for training, the next 20 % for validation. */
export function makeMiniRows(input: MiniInput): ZooRows {
  const architecture = miniArchitecture(input);
  const count = input.runs * EPOCHS.length;
  const stream = RandomStream.fromSeed(3).split(input.firstRun);
  const scales = stream.split('scales').uniform([input.runs], 0.4, 1.6).data;
  const runOf = (row: number) => Math.floor(row / EPOCHS.length);
  const growth = (row: number) => scales[runOf(row)]! * (row % EPOCHS.length === 0 ? 0.8 : 1);
  const start = initialize(architecture, stream.split('weights'), { count });
  const last = architecture.parameters.at(-1)!.name;
  const parameters = mapValues(start, (array, name) => {
    const size = array.data.length / count;
    const bias = name === last ? stream.split('bias').normal(array.shape, 0, 0.1).data : undefined;
    return ndarray(
      Float32Array.from(array.data, (x, at) => x * growth(Math.floor(at / size)) + (bias?.[at] ?? 0)),
      array.shape,
    );
  });
  const noise = stream.split('noise').normal([count], 0, 0.02).data;
  const accuracy = Float32Array.from({ length: count }, (_, row) =>
    Math.min(1, Math.max(0, 0.1 + 0.5 * growth(row) + noise[row]!)),
  );
  const column = (value: (row: number) => number) =>
    ndarray(
      Float32Array.from({ length: count }, (_, row) => value(row)),
      [count],
    );
  const part = (row: number) => ((runOf(row) + input.firstRun) % 10) / 10;
  return {
    parameters,
    target: {
      'test-accuracy': ndarray(accuracy, [count]),
      'test-loss': column((row) => 2 - 2 * accuracy[row]!),
      'train-accuracy': column((row) => Math.min(1, accuracy[row]! + 0.05 * (row % 3))),
    },
    fit: {
      run: ndarray(
        Int32Array.from({ length: count }, (_, row) => input.firstRun + runOf(row)),
        [count],
      ),
      epoch: column((row) => EPOCHS[row % EPOCHS.length]!),
      'learning-rate': column((row) => 10 ** -(1 + (3 * ((runOf(row) * 7) % 10)) / 10)),
      optimizer: ndarray(
        Int32Array.from({ length: count }, (_, row) => runOf(row) % 2),
        [count],
      ),
    },
    split: Uint8Array.from({ length: count }, (_, row) => (part(row) < 0.6 ? 0 : part(row) < 0.8 ? 1 : 2)),
  };
}
