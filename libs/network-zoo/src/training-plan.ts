/** @file Which runs a zoo of trained networks has, and how they are cut into shards. */
import type { Architecture, ArchitectureSpec } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';
import { trainCodes } from '@weightspace/zoo';
import type { Chunk, GenerateOptions, MixedHeader, Task, TrainCodes, TrainRun, ZooHeader } from '@weightspace/zoo';

import { trainTask } from './train-task.ts';
import type { TrainInput } from './train-task.ts';

/** What is drawn for one network. */
export interface DrawnRun {
  readonly architecture: Architecture;
  /** All but the seed. */
  readonly run: Omit<TrainRun, 'seed'>;
  /** Columns for `/fit` besides those of the run; names need `codes`. */
  readonly more?: { readonly [column: string]: number | string };
  /** What it is trained on, where not all networks see the same: the same for all of an architecture. */
  readonly data?: Task;
}

/** The network of a number: draws from the streams alone, so that a larger zoo holds a smaller one's networks. */
export type DrawNetwork = (stream: RandomStream, number: number, shared: RandomStream) => DrawnRun;

export interface TrainingPlan {
  /** Of the zoo; its streams are split by it. */
  readonly name: string;
  readonly seed: number;
  /** How many. */
  readonly networks: number;
  /** `shared` is the stream of `runsEach` numbers that follow each other, for what they have in common. */
  readonly draw: DrawNetwork;
  /** Runs that follow each other and share an architecture; 1 when absent. */
  readonly runsEach?: number;
  /** 'architecture': all runs of one are in the same split, so that it is unseen in testing; 'run' when absent. */
  readonly splitBy?: 'run' | 'architecture';
  /** What the names in `more` stand for. */
  readonly codes: TrainCodes;
  readonly epochs: number;
  readonly batch: number;
  readonly checkpoints: readonly number[];
  readonly data: Task;
  /** Networks that one graph trains, and that a shard holds at most; 8 and 32 when absent. */
  readonly stack?: number;
  readonly shardRuns?: number;
}

interface NumberedRun extends DrawnRun {
  readonly number: number;
  readonly seed: number;
  readonly split: number;
}

/** Of 20 runs (or architectures) that follow each other, 14 are for training, 3 for validation and 3 for testing metanets. */
const [BLOCK, TRAIN, VALIDATION] = [20, 14, 3];

/** 0 train, 1 validation, 2 test; depends on the stream and the number alone. */
export function splitOf(stream: RandomStream, number: number): number {
  const place = stream
    .split('split')
    .split(Math.floor(number / BLOCK))
    .permutation(BLOCK)[number % BLOCK]!;
  return place < TRAIN ? 0 : place < TRAIN + VALIDATION ? 1 : 2;
}

/** The runs in the order of their numbers. */
function runsOf({ name, seed, networks, draw, runsEach = 1, splitBy = 'run' }: TrainingPlan): NumberedRun[] {
  const stream = RandomStream.fromSeed(seed).split(name);
  const first = new Map<string, number>();
  return Array.from({ length: networks }, (_, number) => {
    const own = stream.split(number);
    const group = Math.floor(number / runsEach);
    const drawn = draw(own.split('settings'), number, stream.split('group').split(group));
    const { signature } = drawn.architecture;
    // An architecture that is drawn twice keeps the split of its first group.
    const block = first.get(signature) ?? group;
    first.set(signature, block);
    const split = splitOf(stream, splitBy === 'run' ? number : block);
    return { ...drawn, number, seed: own.split('seed').integer(2 ** 31), split };
  });
}

/** What a zoo says of itself besides. */
export interface TrainingNotes {
  /** How the networks are made: what is drawn, from where to where, and on which data. */
  readonly recipe: object;
  /** Names of the classes; left out where they are their numbers. */
  readonly classes?: readonly string[];
  /** Of what decides a zoo's bytes; a change of it makes other zoos. */
  readonly version: string;
}

/**
 * A zoo's header, and its shards: each of one architecture, runs of about as many steps together, since a stack takes as
 * long as its longest run.
 *
 * @throws {RangeError} when there are no networks
 */
export function trainingWork(
  plan: TrainingPlan,
  notes: TrainingNotes,
): Pick<GenerateOptions, 'header' | 'chunks' | 'task'> {
  if (plan.networks === 0) throw new RangeError('trainingWork: a zoo needs networks, asked for 0; give --networks');
  const groups = new Map<string, NumberedRun[]>();
  for (const run of runsOf(plan)) {
    const { signature } = run.architecture;
    const group = groups.get(signature);
    if (group) group.push(run);
    else groups.set(signature, [run]);
  }
  const [only, ...others] = [...groups.values()].map(([run]) => run!.architecture.spec);
  const single = others.length === 0 ? only : undefined;
  let first = 0;
  const shards = [...groups.values()].flatMap(shardsOf(plan.shardRuns ?? 32));
  const chunks = spread(shards).map((runs, i): Chunk => {
    const networks = [first, first + runs.length - 1] as const;
    first += runs.length;
    const { spec } = runs[0]!.architecture;
    return {
      shard: `shard-${String(i).padStart(4, '0')}.h5`,
      rows: runs.length * plan.checkpoints.length,
      networks,
      input: inputOf(plan, spec, runs),
      ...(single ? {} : { architecture: spec }),
    };
  });
  return { header: headerOf(plan, notes, single), chunks, task: trainTask };
}

/** Cuts runs into shards of nearly equal size, ordered by how much of the data they see. */
const shardsOf =
  (most: number) =>
  (runs: readonly NumberedRun[]): NumberedRun[][] => {
    const order = [...runs].sort((a, b) => a.run.trainShare - b.run.trainShare || a.number - b.number);
    const count = Math.ceil(order.length / most);
    return Array.from({ length: count }, (_, i) =>
      order.slice(Math.round((i * order.length) / count), Math.round(((i + 1) * order.length) / count)),
    );
  };

/** Another order, in which what stood together is far apart: shards take unlike times, and those to come shall be like those done. */
export function spread<T>(items: readonly T[]): T[] {
  const shares = (a: number, b: number): boolean => (b === 0 ? a > 1 : shares(b, a % b));
  let step = Math.max(1, Math.round(items.length * 0.618));
  while (shares(items.length, step)) step++;
  return items.map((_, i) => items[(i * step) % items.length]!);
}

function inputOf(plan: TrainingPlan, architecture: ArchitectureSpec, runs: readonly NumberedRun[]): TrainInput {
  const { epochs, batch, checkpoints, data, codes, stack = 8 } = plan;
  const columns = Object.keys(runs[0]!.more ?? {});
  return {
    architecture,
    runs: runs.map(({ run, seed }) => ({ ...run, seed })),
    numbers: runs.map(({ number }) => number),
    splits: runs.map(({ split }) => split),
    more: Object.fromEntries(columns.map((column) => [column, runs.map(({ more }) => more![column]!)])),
    codes: { ...trainCodes(), ...codes },
    epochs,
    batch,
    checkpoints,
    stack,
    // A run of a shard with others can be trained again by itself; one whose architecture has no other has no company.
    alone: runs.length === 1 ? 'fast' : 'exact',
    data: runs[0]!.data ?? data,
  };
}

/** @param architecture where the zoo has one only */
function headerOf(
  { name, seed, networks, epochs, batch, checkpoints, codes }: TrainingPlan,
  { recipe, classes, version }: TrainingNotes,
  architecture: ArchitectureSpec | undefined,
): ZooHeader | MixedHeader {
  const named = classes && !classes.every((one, i) => one === String(i));
  return {
    ...(architecture ? { architecture } : {}),
    recipe: { ...recipe, networks, epochs, batch, checkpoints, codes: { ...trainCodes(), ...codes } },
    seed,
    generator: `data-${name} ${version}`,
    ...(named ? { classes } : {}),
  };
}

/** A number whose logarithm is uniform. */
export const logUniform = (stream: RandomStream, low: number, high: number): number =>
  low * (high / low) ** stream.next();

export const oneOf = <T>(stream: RandomStream, values: readonly T[]): T => values[stream.integer(values.length)]!;
