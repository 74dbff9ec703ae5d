/** @file Pictures of predictions. */
import { barPlot, linePlot, scatterPlot } from '@weightspace/experiment';
import type { Axis, Plot } from '@weightspace/experiment';

import type { Outcome, Verdict } from '../experiments/study.ts';
import type { TrainingResult } from '../training/train-predictor.ts';
import { shownValue, UNKNOWN } from '../zoo/columns.ts';
import type { Column } from '../zoo/columns.ts';
import { estimateText } from './table.ts';

/** As many colours as can be told apart; more values become ranges, or the most frequent names and the rest. */
const MOST_COLOURS = 7;

/** Predicted against true values, coloured by a column. */
export async function predictionPlot(
  title: string,
  truth: ArrayLike<number>,
  predictions: readonly number[],
  rows: Int32Array,
  column: Column | undefined,
  { estimates }: Verdict,
  target: string,
): Promise<Plot> {
  const groups = column === undefined ? [{ name: 'all', members: [...rows.keys()] }] : colourGroups(column, rows);
  return scatterPlot({
    title,
    subtitle: `τ = ${estimateText(estimates['kendall-tau'])}, R² = ${estimateText(estimates.r2)}${column === undefined ? '' : `; colours: ${column.name}`}`,
    x: { title: `true ${target}` },
    y: { title: `predicted ${target}` },
    diagonal: true,
    width: 430,
    height: 380,
    series: groups.map(({ name, members }) => ({
      name,
      x: members.map((i) => truth[i]!),
      y: members.map((i) => predictions[i]!),
    })),
  });
}

interface ColourGroup {
  readonly name: string;
  readonly members: readonly number[];
}

export function colourGroups(column: Column, rows: Int32Array): ColourGroup[] {
  const values = Array.from(rows, (row) => column.values[row]!);
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  if (distinct.length <= MOST_COLOURS)
    return distinct.map((value) => ({
      name: Number.isNaN(value) ? UNKNOWN : shownValue(column, rows[values.indexOf(value)]!),
      members: membersOf(values, (v) => v === value || (Number.isNaN(v) && Number.isNaN(value))),
    }));
  return column.names === undefined ? ranges(values) : frequent(column.names, values);
}

const membersOf = (values: readonly number[], holds: (value: number) => boolean): number[] =>
  [...values.keys()].filter((i) => holds(values[i]!));

/** Five ranges with equally many rows. */
function ranges(values: readonly number[]): ColourGroup[] {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const edges = [...new Set([0, 0.2, 0.4, 0.6, 0.8, 1].map((q) => sorted[Math.round(q * (sorted.length - 1))]!))];
  const short = (x: number) => String(Number(x.toPrecision(2)));
  return edges.slice(1).map((high, i) => ({
    name: `${short(edges[i]!)} to ${short(high)}`,
    members: membersOf(values, (v) => (i === 0 ? v >= edges[i]! : v > edges[i]!) && v <= high),
  }));
}

function frequent(names: readonly string[], values: readonly number[]): ColourGroup[] {
  const counts = names.map((_, code) => values.filter((v) => v === code).length);
  const kept = [...names.keys()].sort((a, b) => counts[b]! - counts[a]!).slice(0, MOST_COLOURS - 1);
  return [
    ...kept.map((code) => ({ name: names[code]!, members: membersOf(values, (v) => v === code) })),
    { name: 'others', members: membersOf(values, (v) => !kept.includes(v)) },
  ];
}

/** Models beside each other, by Kendall's τ. */
export const comparisonPlot = (
  title: string,
  subtitle: string,
  rows: readonly Verdict[],
  highlight?: string,
): Promise<Plot> => {
  const bars = rows.map(({ model, estimates: { 'kendall-tau': tau } }) => ({
    name: model,
    value: tau.value,
    ...(Number.isFinite(tau.low) ? { low: tau.low, high: tau.high } : {}),
    ...(highlight === undefined ? {} : { highlight: model === highlight }),
  }));
  return barPlot({ title, subtitle, value: tauAxis(bars), bars, label: (value) => value.toFixed(3) });
};

/** From 0, or from what lies below, to 1. */
export const tauAxis = (bars: readonly { readonly value: number; readonly low?: number }[]): Axis => ({
  title: "Kendall's τ",
  domain: [bars.reduce((least, { value, low }) => Math.min(least, low ?? (value || 0)), 0), 1],
});

/** τ against the number of runs that were trained on. */
export const efficiencyPlot = (
  points: readonly { readonly runs: number; readonly verdict: Verdict }[],
): Promise<Plot> => {
  const models = [...new Set(points.map(({ verdict }) => verdict.model))];
  return linePlot({
    title: 'Data efficiency',
    subtitle: 'means over seeds; bands: 95 % intervals over runs',
    x: { title: 'training runs', log: true },
    y: { title: "Kendall's τ on the test runs" },
    series: models.map((model) => {
      const own = points.filter(({ verdict }) => verdict.model === model).sort((a, b) => a.runs - b.runs);
      const of = (pick: 'value' | 'low' | 'high') => own.map(({ verdict }) => verdict.estimates['kendall-tau'][pick]);
      return {
        name: model,
        x: own.map(({ runs }) => runs),
        y: of('value'),
        low: of('low'),
        high: of('high'),
        points: true,
      };
    }),
  });
};

/** Loss of training and of validation. */
export function lossPlot({ curve, epoch }: TrainingResult): Promise<Plot> {
  const seen = curve.filter(({ validationLoss }) => validationLoss !== undefined);
  return linePlot({
    title: 'Loss',
    subtitle: `first seed; the parameters of epoch ${epoch} are kept`,
    x: { title: 'epoch' },
    y: { title: 'loss' },
    series: [
      { name: 'training', x: curve.map((p) => p.epoch), y: curve.map((p) => p.trainLoss) },
      { name: 'validation', x: seen.map((p) => p.epoch), y: seen.map((p) => p.validationLoss!), points: true },
    ],
  });
}

/** Kendall's τ on the validation split over epochs, of each seed. */
export const tauPlot = ({ results }: Outcome): Promise<Plot> =>
  linePlot({
    title: "Kendall's τ on the validation split",
    x: { title: 'epoch' },
    y: { title: 'τ' },
    series: results.map(({ curve }, i) => {
      const seen = curve.filter(({ validationTau }) => validationTau !== undefined);
      return { name: `seed ${i}`, x: seen.map((p) => p.epoch), y: seen.map((p) => p.validationTau!), points: true };
    }),
  });
