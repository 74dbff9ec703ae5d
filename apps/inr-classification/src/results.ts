/** @file Pictures of a finished run. */
import { compile } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';
import type { GridImage, Plot, RunContext } from '@weightspace/experiment';
import { barPlot, confusionMatrix, histogram, imageGrid, linePlot } from '@weightspace/experiment';
import { pack, renderOnGrid } from '@weightspace/zoo';

import type { TrainingResult } from './train-classifier.ts';
import { weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

const SHOWN = 48;
const SIDE = 28;

/** Grey values in [0, 1] of some networks; shape `[N, 28·28]`. */
export async function render(data: ZooData, rows: ArrayLike<number>): Promise<NdArray> {
  const { sizes, omega, outputOffset, imageRange } = data.recipe;
  const siren = { sizes, omega, outputOffset, rows: SIDE, columns: SIDE };
  const draw = compile((flat: Tensor) => renderOnGrid(flat, siren), { name: 'render' });
  const weights = weightsOf(data, rows);
  const values = (await draw(pack(weights, rows.length))) as NdArray;
  await draw.release();
  const [low, high] = imageRange;
  return {
    dtype: 'float32',
    shape: [rows.length, SIDE * SIDE],
    data: Float32Array.from(values.data, (v) => Math.min(1, Math.max(0, (v - low) / (high - low)))),
  };
}

/** Plots of the run: curves, confusion matrix, what the networks draw, their quality, and the comparison. */
export async function drawResults(
  context: RunContext,
  data: ZooData,
  result: TrainingResult,
  accuracies: { readonly [model: string]: number },
): Promise<void> {
  const { curve, predictions } = result;
  const save = (name: string, caption: string, plot: Plot) => context.savePlot(name, plot, caption);
  const epochs = curve.map((p) => p.epoch);
  const seen = (name: string, key: 'testAccuracy' | 'validationAccuracy') => {
    const points = curve.filter((p) => p[key] !== undefined);
    return points.length === 0
      ? []
      : [{ name, x: points.map((p) => p.epoch), y: points.map((p) => p[key]!), points: true }];
  };
  await save(
    'comparison',
    'Share of the test networks that each model classifies right; the line is chance.',
    await barPlot({
      title: 'Test accuracy',
      value: { title: 'share classified right', domain: [0, 1], format: '.0%' },
      bars: Object.entries(accuracies).map(([label, value], i) => ({ name: label, value, highlight: i === 0 })),
      reference: { name: 'chance', value: 1 / data.classes.length },
      label: (value) => `${(100 * value).toFixed(1)} %`,
    }),
  );
  await save(
    'loss',
    'Mean cross-entropy of each epoch, on augmented networks.',
    await linePlot({
      title: 'Loss',
      x: { title: 'epoch' },
      y: { title: 'cross-entropy in nats' },
      series: [{ name: 'training', x: epochs, y: curve.map((p) => p.trainLoss) }],
    }),
  );
  await save(
    'accuracy',
    'Training: on augmented networks and with dropout, so it may lie below the others. No choice was made by the test split.',
    await linePlot({
      title: 'Accuracy',
      x: { title: 'epoch' },
      y: { title: 'share classified right', domain: [0, 1], format: '.0%' },
      series: [
        { name: 'training', x: epochs, y: curve.map((p) => p.trainAccuracy) },
        ...seen('validation', 'validationAccuracy'),
        ...seen('test', 'testAccuracy'),
      ],
    }),
  );
  await save(
    'confusion-matrix',
    'Rows are the true classes of the test networks.',
    await confusionMatrix({
      title: 'Predictions on the test split',
      classes: data.classes,
      counts: countsOf(data, predictions),
    }),
  );
  await save(
    'predictions',
    'The first test networks, rendered, each with what the model reads from its weights.',
    imageGrid({
      title: 'What the networks draw, and what is read from their weights',
      images: await gridOf(data, predictions),
    }),
  );
  await save(
    'psnr',
    'How well the networks of the zoo draw their digits.',
    await histogram({
      title: 'Quality of the fits',
      x: { title: 'PSNR in dB' },
      counted: 'networks',
      series: [{ name: 'all', values: data.psnr }],
    }),
  );
}

function countsOf(data: ZooData, predictions: readonly number[]): number[][] {
  const counts = data.classes.map(() => data.classes.map(() => 0));
  predictions.forEach((guess, i) => counts[data.labels[data.test[i]!]!]![guess]!++);
  return counts;
}

async function gridOf(data: ZooData, predictions: readonly number[]): Promise<GridImage[]> {
  const rows = data.test.slice(0, SHOWN);
  const { data: pixels } = await render(data, rows);
  return Array.from(rows, (row, i) => {
    const [label, guess] = [data.labels[row]!, predictions[i]!];
    const right = label === guess;
    return {
      pixels: pixels.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE),
      width: SIDE,
      height: SIDE,
      caption: right ? data.classes[guess]! : `${data.classes[guess]!} for ${data.classes[label]!}`,
      verdict: right ? 'right' : 'wrong',
    };
  });
}
