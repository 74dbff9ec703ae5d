/** @file The CNN Wild Park: many convolutional architectures, each trained a few times. */
import { parkCnn } from '@weightspace/architecture';
import type { Architecture, ParkCnnOptions } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';
import { imageSetReader } from '@weightspace/dataset';
import { imageDataOf, imageOptions, imagePositions, imageTask, logUniform, oneOf } from '@weightspace/network-zoo';
import type { DrawnRun, ImageSettings, TrainingZoo } from '@weightspace/network-zoo';
import { standardRun } from '@weightspace/zoo';

/**
 * What is drawn; everything independently, and uniformly but for the rate.
 *
 * Source: Kofinas et al. 2024, arXiv:2403.12143, appendix on the CNN Wild Park, and `cnn_sampler.py` of their code.
 * Departs: the rate is drawn, not 1e-3 always, since training is shorter; see the README.
 */
export const ranges = {
  layers: [2, 3, 4, 5],
  channels: [4, 8, 16, 32],
  kernel: [3, 5, 7],
  activation: ['relu', 'gelu', 'tanh', 'sigmoid', 'leaky-relu', 'identity'],
  /** For layer i: none, or one of the layers 0 … i − 2, all equally likely. */
  residual: 'none, or any layer before the last one',
  learningRate: { low: 5e-4, high: 1e-2, scale: 'log' },
} as const;

type ParkLayer = ParkCnnOptions['layers'][number];

/** An architecture; draws from the stream alone. */
export function drawParkCnn(stream: RandomStream, positions: readonly [number, number]): Architecture {
  const layers = Array.from({ length: oneOf(stream, ranges.layers) }, (_, i): ParkLayer => {
    const [channels, kernel] = [oneOf(stream, ranges.channels), oneOf(stream, ranges.kernel)];
    const activation = oneOf(stream, ranges.activation);
    const residual = stream.integer(Math.max(1, i)) - 1;
    return { channels, kernel, activation, ...(residual < 0 ? {} : { residual }) };
  });
  return parkCnn({ input: { positions, size: 1 }, layers, outputs: 10, name: `park ${layers.map(nameOf).join(' ')}` });
}

/** Such as `16k5tanh+0`: channels, kernel, activation, and the layer that is added. */
const nameOf = ({ channels, kernel, activation, residual }: ParkLayer): string =>
  `${channels}k${kernel}${String(activation)}${residual === undefined ? '' : `+${residual}`}`;

export function drawParkRun(stream: RandomStream, architecture: Architecture): DrawnRun {
  const { low, high } = ranges.learningRate;
  return { architecture, run: { ...standardRun, learningRate: logUniform(stream, low, high) } };
}

const run = 'npx nx run data-cnn-park:generate';

export const cnnPark: TrainingZoo<ImageSettings> = {
  name: 'cnn-park',
  version: '0.1.0',
  description: 'Trains CNNs of many architectures on images, and keeps them in a zoo.',
  options: imageOptions({
    images: 'fashion-mnist',
    shrink: 2,
    trainImages: 2500,
    validationImages: 500,
    testImages: 2000,
    probeImages: 500,
  }),
  examples: [
    [run, '60 networks, the shipped sample again'],
    [`${run}:full`, '640 networks'],
    [`${run} -- --images mnist`, 'on digits'],
    [`${run} -- --shrink 1`, 'on pictures of 28 × 28'],
  ],
  defaults: { networks: 60, epochs: 4, batch: 16, checkpoints: [4] },
  runsEach: 1,
  splitBy: 'architecture',
  variant: ({ images, shrink }) => (shrink === 2 ? images : `${images}-${imagePositions({ images, shrink })[0]}`),
  draw: (stream, settings, _, shared) => drawParkRun(stream, drawParkCnn(shared, imagePositions(settings))),
  codes: {},
  data: (settings) => imageTask(settings),
  notes: (settings) => ({
    recipe: { name: 'cnn-park', images: imageDataOf(settings), range: [-1, 1], runsEach: settings.runsEach, ranges },
    classes: imageSetReader(settings.images).classes,
  }),
};
