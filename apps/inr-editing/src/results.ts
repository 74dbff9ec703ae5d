/** @file Pictures of a finished run. */
import type { NdArray } from '@weightspace/compute';
import { barPlot, imageGrid, linePlot } from '@weightspace/experiment';
import type { GridImage, RunContext } from '@weightspace/experiment';

import type { Pictures } from './editing-step.ts';
import { SIDE } from './siren-zoo.ts';
import type { EditingResult } from './train-editor.ts';

/** How many networks the grid shows; each is a column of three pictures. */
export const SHOWN = 12;

export async function drawResults(
  context: RunContext,
  edit: string,
  model: EditingResult,
  errors: { readonly [model: string]: number },
  pictures: Pictures,
): Promise<void> {
  await context.savePlot(
    'pictures',
    imageGrid({
      title: `What test networks draw: as they are, the ${edit}d picture, and after the change of weights`,
      images: gridOf(pictures),
      columns: SHOWN,
    }),
    'Each column is one network of the test split.',
  );
  await context.savePlot(
    'error',
    await barPlot({
      title: `Error of the ${edit}d picture`,
      value: { title: 'mean squared error, grey values in [0, 1]' },
      bars: Object.entries(errors).map(([name, value], i) => ({ name, value, highlight: i === 0 })),
      label: (value) => value.toPrecision(3),
    }),
    'On the test split; "unchanged" leaves the networks as they are.',
  );
  const epochs = model.curve.map(({ epoch }) => epoch);
  const seen = model.curve.filter((point) => point['test/mse'] !== undefined);
  await context.savePlot(
    'loss',
    await linePlot({
      title: 'Error while training',
      x: { title: 'epoch' },
      y: { title: 'mean squared error' },
      series: [
        { name: 'training', x: epochs, y: model.curve.map((point) => point['train/loss']!) },
        { name: 'test', x: seen.map(({ epoch }) => epoch), y: seen.map((point) => point['test/mse']!), points: true },
      ],
    }),
    'No choice was made by the test split.',
  );
}

/** Three rows: before, wanted, after. */
function gridOf(pictures: Pictures): GridImage[] {
  const row = ({ data }: NdArray, caption: string): GridImage[] =>
    Array.from({ length: Math.min(SHOWN, data.length / SIDE ** 2) }, (_, i) => ({
      pixels: data.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE),
      width: SIDE,
      height: SIDE,
      caption,
    }));
  return [...row(pictures.before, 'before'), ...row(pictures.wanted, 'wanted'), ...row(pictures.after, 'after')];
}
