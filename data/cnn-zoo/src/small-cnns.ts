/** @file The Small CNN Zoo: one small convolutional network, trained many times by settings that are drawn. */
import { cnn } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';
import { imageSetReader } from '@weightspace/dataset';
import { imageDataOf, imageOptions, imagePositions, imageTask, logUniform, oneOf } from '@weightspace/network-zoo';
import type { DrawnRun, ImageSettings, TrainingZoo } from '@weightspace/network-zoo';
import { standardRun } from '@weightspace/zoo';

export const activations = ['relu', 'tanh'] as const;

/**
 * Three convolutions 3×3 of 16 channels with stride 2 and no padding, the mean over pixels, a linear layer: 4,970
 * parameters for one input channel and ten classes.
 *
 * Source: Unterthiner et al. 2020, arXiv:2002.11448, and their `train_network.py` (google-research,
 * dnn_predict_accuracy). Departs: nothing.
 */
export const smallCnn = (
  activation: (typeof activations)[number],
  positions: readonly number[] = [28, 28],
): Architecture =>
  cnn({
    input: { positions, size: 1 },
    features: [16, 16, 16],
    kernel: 3,
    stride: 2,
    padding: 0,
    activation,
    outputs: 10,
    name: `small cnn, ${activation}`,
  });

/**
 * What is drawn, from where to where.
 *
 * Source: Unterthiner et al. 2020, arXiv:2002.11448. Published with their data: the shares of the data, ReLU and tanh,
 * images from −1 to 1, dropout behind each convolution, an L2 penalty λ Σ w² on weights alone, biases that start at 0,
 * and that the deviation counts where the initialization doesn't set its own. From memory of the paper: the bounds of rate,
 * penalty, dropout and deviation, and the lists of optimizers and initializations.
 * Departs: the lengths of training, see the README.
 */
export const ranges = {
  learningRate: { low: 5e-4, high: 5e-2, scale: 'log' },
  l2: { low: 1e-8, high: 1e-2, scale: 'log' },
  dropout: { low: 0, high: 0.7, scale: 'linear' },
  initScale: { low: 1e-3, high: 0.5, scale: 'log', for: ['normal', 'truncated-normal'] },
  trainShare: [0.1, 0.25, 0.5, 1],
  optimizer: ['adam', 'rmsprop', 'sgd'],
  initialization: ['glorot-normal', 'he-normal', 'orthogonal', 'normal', 'truncated-normal'],
  activation: activations,
} as const;

export function drawSmallCnn(stream: RandomStream, architectures: ReadonlyMap<string, Architecture>): DrawnRun {
  const between = ({ low, high }: { readonly low: number; readonly high: number }) => logUniform(stream, low, high);
  const activation = oneOf(stream, ranges.activation);
  const [learningRate, l2] = [between(ranges.learningRate), between(ranges.l2)];
  const dropout = ranges.dropout.high * stream.next();
  const initialization = oneOf(stream, ranges.initialization);
  const deviation = between(ranges.initScale);
  const optimizer = oneOf(stream, ranges.optimizer);
  const trainShare = oneOf(stream, ranges.trainShare);
  const initScale = (ranges.initScale.for as readonly string[]).includes(initialization) ? deviation : 1;
  const run = { ...standardRun, optimizer, learningRate, l2, dropout, initialization, initScale, trainShare };
  return { architecture: architectures.get(activation)!, run, more: { activation } };
}

/** As the recipe has them; what every picture is by itself goes without saying. */
function imagesOf(settings: ImageSettings) {
  const { form: _, shrink, ...images } = imageDataOf(settings);
  return shrink === 1 ? images : { ...images, shrink };
}

const run = 'npx nx run data-cnn-zoo:generate';

export const smallCnnZoo: TrainingZoo<ImageSettings> = {
  name: 'cnn-zoo',
  version: '0.1.0',
  description: 'Trains small CNNs on images, each by settings of its own, and keeps them in a zoo.',
  options: imageOptions({
    images: 'mnist',
    shrink: 1,
    trainImages: 22_000,
    validationImages: 2500,
    testImages: 10_000,
    probeImages: 2500,
  }),
  examples: [
    [run, '250 networks, as the shipped sample'],
    [`${run}:full`, '4,000 networks'],
    [`${run} -- --images fashion-mnist`, 'on pictures of clothes'],
  ],
  defaults: { networks: 250, epochs: 5, batch: 16, checkpoints: [5] },
  variant: ({ images, shrink }) => (shrink === 1 ? images : `${images}-${imagePositions({ images, shrink })[0]}`),
  draw: (stream, settings) => drawSmallCnn(stream, architecturesFor(imagePositions(settings))),
  codes: { activation: activations },
  data: (settings) => {
    checkShares(settings);
    return imageTask(settings);
  },
  notes: (settings) => ({
    recipe: { name: 'small-cnn-zoo', images: imagesOf(settings), range: [-1, 1], ranges },
    classes: imageSetReader(settings.images).classes,
  }),
};

/** The smallest share must make a batch. */
function checkShares({ trainImages, batch }: ImageSettings & { readonly batch: number }): void {
  const share = Math.min(...ranges.trainShare);
  if (Math.floor(share * trainImages) >= batch) return;
  const least = Math.ceil(batch / share);
  throw new RangeError(
    `generate: --train-images must be at least ${least}, so that a share of ${share} makes a batch of ${batch}, got ${trainImages}`,
  );
}

const made = new Map<string, ReadonlyMap<string, Architecture>>();

/** By activation, for the size of images. */
function architecturesFor(positions: readonly number[]): ReadonlyMap<string, Architecture> {
  const key = positions.join();
  const known =
    made.get(key) ?? new Map(activations.map((activation) => [activation, smallCnn(activation, positions)]));
  made.set(key, known);
  return known;
}
