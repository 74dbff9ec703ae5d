/** @file What a run sees in each step: its part of the examples, noise on their labels, order and augmentation. */
import { RandomStream, sizeOf } from '@weightspace/compute';
import type { NdArray } from '@weightspace/compute';

import type { TrainRun } from './train-run.ts';

/** Inputs with what is to be learned of them: classes or numbers. */
export interface Examples {
  /** Shape `[n, …positions, channels]`. */
  readonly inputs: NdArray;
  /** Classes, one for each example or for each of its positions; shape `[n]` or `[n, …]`. */
  readonly labels?: NdArray<'int32'>;
  /** Numbers, shaped as what the network gives; shape `[n, …, outputs]`. */
  readonly targets?: NdArray<'float32'>;
}

/** 'shift': by up to 2 pixels along each axis, the edge repeated; 'flip': left and right with probability ½. */
export type Augmentation = 'none' | 'shift' | 'flip' | 'shift-flip';
export const augmentations: readonly Augmentation[] = ['none', 'shift', 'flip', 'shift-flip'];
const REACH = 2;

export const answersOf = ({ labels, targets }: Examples): NdArray => (labels ?? targets)!;

/** How many steps an epoch of the run has: whole batches of its part of the data. */
export const stepsPerEpoch = ({ trainShare }: TrainRun, examples: number, batch: number): number =>
  Math.floor(Math.floor(trainShare * examples + 1e-9) / batch);

/** The batches of one run; they depend on its seed and settings alone. */
export class RunBatches {
  readonly steps: number;
  readonly #batch: number;
  readonly #examples: Examples;
  readonly #augmentation: Augmentation;
  readonly #stream: RandomStream;
  /** Numbers of its examples. */
  readonly #members: Int32Array;
  /** Their labels or targets, noise included. */
  readonly #answers: Int32Array | Float32Array | Uint8Array;
  readonly #inputStride: number;
  readonly #answerStride: number;
  #order: Int32Array = new Int32Array();
  #draws: RandomStream;

  constructor(run: TrainRun, examples: Examples, batch: number, classes: number) {
    const total = examples.inputs.shape[0]!;
    const answers = answersOf(examples);
    this.steps = stepsPerEpoch(run, total, batch);
    this.#batch = batch;
    this.#examples = examples;
    this.#augmentation = run.augmentation;
    this.#stream = RandomStream.fromSeed(run.seed);
    this.#draws = this.#stream;
    this.#inputStride = sizeOf(examples.inputs.shape.slice(1));
    this.#answerStride = sizeOf(answers.shape.slice(1));
    const own = Math.floor(run.trainShare * total + 1e-9);
    const everyone = this.#stream.split('part').permutation(total);
    this.#members = everyone.subarray(0, own).slice().sort();
    this.#answers = answers.data.slice() as Int32Array;
    if (run.labelNoise > 0) this.#addNoise(run.labelNoise, classes);
  }

  /** A share of its labels, drawn without repetition, each becomes one of the other classes. */
  #addNoise(share: number, classes: number): void {
    const stream = this.#stream.split('label-noise');
    const places = this.#members.length * this.#answerStride;
    const noisy = stream.permutation(places).subarray(0, Math.round(share * places));
    for (const place of noisy) {
      const example = this.#members[Math.floor(place / this.#answerStride)]!;
      const at = example * this.#answerStride + (place % this.#answerStride);
      this.#answers[at] = (this.#answers[at]! + 1 + stream.integer(classes - 1)) % classes;
    }
  }

  /** @param epoch counted from 1 */
  startEpoch(epoch: number): void {
    this.#order = this.#stream.split('order').split(epoch).permutation(this.#members.length);
    this.#draws = this.#stream.split('augmentation').split(epoch);
  }

  /** Writes the examples of a step of this epoch as those of one of some networks: inputs `[B, N, …]`, answers `[N, B, …]`. */
  write(step: number, inputs: NdArray['data'], answers: NdArray['data'], network: number, networks: number): void {
    const [x, y] = [this.#inputStride, this.#answerStride];
    const answerAt = network * this.#batch * y;
    for (let i = 0; i < this.#batch; i++) {
      const example = this.#members[this.#order[step * this.#batch + i]!]!;
      this.#writeInput(example, inputs, (i * networks + network) * x);
      if (y === 1) answers[answerAt + i] = this.#answers[example]!;
      else answers.set(this.#answers.subarray(example * y, (example + 1) * y), answerAt + i * y);
    }
  }

  #writeInput(example: number, into: NdArray['data'], at: number): void {
    const { data, shape } = this.#examples.inputs;
    const from = example * this.#inputStride;
    if (this.#augmentation === 'none') {
      into.set(data.subarray(from, from + this.#inputStride), at);
      return;
    }
    const shifts = this.#augmentation.startsWith('shift');
    const [down, right] = shifts ? [this.#shift(), this.#shift()] : [0, 0];
    const flips = this.#augmentation.endsWith('flip') && this.#draws.next() < 0.5;
    writeMoved(data, from, into, at, shape.slice(1) as [number, number, number], down, right, flips);
  }

  #shift(): number {
    return this.#draws.integer(2 * REACH + 1) - REACH;
  }
}

/** Copies an image of `[rows, columns, channels]`, moved and then flipped; what comes in repeats the edge. */
export function writeMoved(
  data: NdArray['data'],
  from: number,
  into: NdArray['data'],
  at: number,
  [rows, width, channels]: readonly [number, number, number],
  down: number,
  right: number,
  flips: boolean,
): void {
  const clamp = (i: number, size: number) => Math.max(0, Math.min(size - 1, i));
  for (let r = 0; r < rows; r++) {
    const row = from + clamp(r - down, rows) * width * channels;
    for (let c = 0; c < width; c++) {
      const read = row + clamp((flips ? width - 1 - c : c) - right, width) * channels;
      for (let k = 0; k < channels; k++) into[at++] = data[read + k]!;
    }
  }
}
