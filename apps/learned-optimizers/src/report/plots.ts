/** @file Pictures of meta-training and of what optimizers do. */
import { linePlot } from '@weightspace/experiment';
import type { Axis, LineSeries, Plot } from '@weightspace/experiment';
import { evaluationMeans } from '@weightspace/learned-optimizer';
import type { MetaPoint } from '@weightspace/learned-optimizer';

import { stepSeconds } from '../evaluation/judge.ts';
import type { Judgement, Result } from '../evaluation/judge.ts';

export const metaLossPlot = (curve: readonly MetaPoint[]): Promise<Plot> =>
  linePlot({
    title: 'Meta-loss',
    subtitle: 'mean normalized loss of inner steps; faint: single outer steps',
    x: { title: 'outer step' },
    y: { title: 'loss' },
    series: [
      {
        name: 'meta-loss',
        x: curve.map(({ step }) => step),
        y: curve.map(({ loss }) => loss),
        smooth: Math.max(1, Math.round(curve.length / 20)),
      },
    ],
  });

export interface NamedPlot {
  readonly name: string;
  readonly plot: Plot;
  readonly caption: string;
}

/** Losses over steps and over time beside the envelope, and accuracy where the task has it. */
export async function curvePlots({ task, steps, envelope, results }: Judgement): Promise<readonly NamedPlot[]> {
  const networks = results[0]!.curves.diverged.length;
  const subtitle = `${task.name}; means of ${networks} networks, bands: 95 % intervals`;
  const kept = envelope.steps.filter((step) => step <= steps).length;
  const enveloping = (perStep: number) => ({
    name: 'envelope of rates',
    x: envelope.steps.slice(0, kept).map((step) => step * perStep),
    y: envelope.losses.slice(0, kept),
    dashed: true,
  });
  const series = (measure: string, perStep: (result: Result) => number) =>
    results.map((result) => {
      const found = evaluationMeans(result.curves, measure);
      return {
        name: result.name,
        x: result.curves.at.map((step) => step * perStep(result)),
        y: found.map(({ mean }) => mean),
        low: found.map(({ low }) => low),
        high: found.map(({ high }) => high),
      };
    });
  const step = { title: 'inner step', log: true };
  const loss = { title: 'loss', log: true };
  const drawn = (name: string, title: string, x: Axis, y: Axis, lines: readonly LineSeries[], caption: string) =>
    linePlot({ title, subtitle, x, y, series: lines }).then((plot) => ({ name, plot, caption }));
  const plots = [
    await drawn(
      'loss-over-steps',
      'Training loss over steps',
      step,
      loss,
      [...series('train/loss', () => 1), enveloping(1)],
      'On the same batches at each evaluation. The envelope has the best of 15 rates at each step.',
    ),
    await drawn(
      'loss-over-time',
      'Training loss over wall-clock time',
      { title: 'milliseconds of gradients and updates, one network', log: true },
      loss,
      [...series('train/loss', (own) => 1e3 * stepSeconds(own)), enveloping(1e3 * stepSeconds(results[0]!))],
      'Times of a network in such a stack, medians over steps; the envelope at the times of the baseline.',
    ),
    await drawn(
      'test-loss-over-steps',
      'Test loss over steps',
      step,
      loss,
      series('test/loss', () => 1),
      'On the same batches at each evaluation.',
    ),
  ];
  if (results[0]!.final['test/accuracy'] === undefined) return plots;
  const lines = series('test/accuracy', () => 1);
  return [
    ...plots,
    await drawn('test-accuracy-over-steps', 'Test accuracy over steps', step, { title: 'accuracy' }, lines, ''),
  ];
}
