/** @file Pictures of a finished run. */
import { confusionMatrix, imageGrid, linePlot } from '@weightspace/experiment';
import type { GridImage, RunContext } from '@weightspace/experiment';

import type { ZooData } from '../zoo-data.ts';
import { SIDE } from './autoencoder.ts';
import type { Pictures, StageNumbers } from './autoencoder.ts';
import type { Classification } from './experiment.ts';

/** How many networks the grid shows. */
export const SHOWN = 24;
const COLUMNS = 12;

export async function drawResults(
  context: RunContext,
  data: ZooData,
  reconstruction: StageNumbers,
  classification: Classification,
  pictures: Pictures,
): Promise<void> {
  await context.savePlot(
    'reconstructions',
    imageGrid({
      title: 'What test networks draw, and what is drawn by the networks decoded from their arrays',
      images: gridOf(data, pictures),
      columns: COLUMNS,
    }),
    'Pairs of rows: above each network itself, below its reconstruction, by as many networks as the array has vectors.',
  );
  const seen = reconstruction.curve.filter((point) => point['test/mse'] !== undefined);
  await context.savePlot(
    'reconstruction-loss',
    await linePlot({
      title: 'Error of the reconstructions',
      x: { title: 'epoch' },
      y: { title: 'mean squared error' },
      series: [
        {
          name: 'training, augmented',
          x: reconstruction.curve.map(({ epoch }) => epoch),
          y: reconstruction.curve.map((point) => point['train/loss']! / greyUnit(data)),
        },
        { name: 'test', x: seen.map(({ epoch }) => epoch), y: seen.map((p) => p['test/mse']!), points: true },
      ],
    }),
    'Grey values from 0 to 1.',
  );
  const read = classification.curve.filter((point) => point['test/accuracy'] !== undefined);
  await context.savePlot(
    'accuracy',
    await linePlot({
      title: 'Digits read from the arrays',
      x: { title: 'epoch' },
      y: { title: 'share classified right', domain: [0, 1], format: '.0%' },
      series: [{ name: 'test', x: read.map((p) => p.epoch), y: read.map((p) => p['test/accuracy']!), points: true }],
    }),
    'No choice was made by the test split.',
  );
  const counts = data.classes.map(() => data.classes.map(() => 0));
  classification.predictions.forEach((guess, i) => counts[data.labels[data.test[i]!]!]![guess]!++);
  await context.savePlot(
    'confusion-matrix',
    await confusionMatrix({ title: 'Predictions on the test split', classes: data.classes, counts }),
    'Rows are the true classes of the test networks.',
  );
}

const greyUnit = ({ recipe }: ZooData): number => (recipe.imageRange[1] - recipe.imageRange[0]) ** 2;

/** Rows of originals, each above a row of reconstructions. */
function gridOf(data: ZooData, { originals, reconstructions }: Pictures): GridImage[] {
  const [low, high] = data.recipe.imageRange;
  const image = (values: Float32Array, i: number, caption: string): GridImage => ({
    pixels: values.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE).map((v) => (v - low) / (high - low)),
    width: SIDE,
    height: SIDE,
    caption,
  });
  const count = originals.length / SIDE ** 2;
  const rows = Array.from({ length: Math.ceil(count / COLUMNS) }, (_, row) =>
    Array.from({ length: Math.min(COLUMNS, count - row * COLUMNS) }, (_unused, i) => row * COLUMNS + i),
  );
  return rows.flatMap((members) => [
    ...members.map((i) => image(originals, i, 'itself')),
    ...members.map((i) => image(reconstructions, i, 'decoded')),
  ]);
}
