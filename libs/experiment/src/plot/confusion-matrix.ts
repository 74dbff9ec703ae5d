/** @file Which class was taken for which. */
import type { Plot } from './plot.ts';
import { INK } from './theme.ts';
import { renderVega } from './vega.ts';

export interface ConfusionMatrixOptions {
  readonly title: string;
  readonly classes: readonly string[];
  /** `counts[true][predicted]`; shape `[K, K]`. */
  readonly counts: readonly (readonly number[])[];
}

/** A heat map with a count in each cell; a row's colours are shares of that row, so that rare classes show too. */
export async function confusionMatrix({ title, classes, counts }: ConfusionMatrixOptions): Promise<Plot> {
  const size = classes.length;
  if (counts.length !== size || counts.some((row) => row.length !== size)) {
    const got = `[${counts.length}, ${[...new Set(counts.map((row) => row.length))].join(' or ')}]`;
    throw new RangeError(`confusionMatrix: counts must have shape [${size}, ${size}] for ${size} classes, got ${got}`);
  }
  const total = sum(counts.map(sum));
  const right = sum(counts.map((row, at) => row[at]!));
  const values = counts.flatMap((row, actual) =>
    row.map((count, predicted) => ({
      actual: classes[actual],
      predicted: classes[predicted],
      count,
      share: count / Math.max(1, sum(row)),
    })),
  );
  const cell = Math.max(26, Math.min(48, 480 / size));
  const scale = { domain: classes, paddingInner: 0.04 };
  const axis = { labelAngle: 0, domain: false, ticks: false, labelPadding: 6 };
  return renderVega({
    title: {
      text: title,
      subtitle: `${right} of ${total} right (${((100 * right) / Math.max(1, total)).toFixed(1)} %)`,
    },
    width: cell * size,
    height: cell * size,
    data: { values },
    encoding: {
      x: {
        field: 'predicted',
        type: 'nominal',
        sort: null,
        scale,
        axis: { ...axis, title: 'predicted class', orient: 'bottom' },
      },
      y: { field: 'actual', type: 'nominal', sort: null, scale, axis: { ...axis, title: 'true class' } },
    },
    layer: [
      {
        mark: { type: 'rect', cornerRadius: 2 },
        encoding: {
          color: {
            field: 'share',
            type: 'quantitative',
            title: 'share of the true class',
            scale: { domain: [0, 1], range: ['#f3f6fa', '#0b4f8a'] },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'text', fontSize: Math.min(13, cell * 0.34) },
        encoding: {
          text: { field: 'count', type: 'quantitative', format: 'd' },
          color: { condition: { test: 'datum.share > 0.5', value: 'white' }, value: INK },
          opacity: { condition: { test: 'datum.count == 0', value: 0.25 }, value: 1 },
        },
      },
    ],
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
