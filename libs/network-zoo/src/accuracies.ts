/** @file How well the networks of a zoo do: a line, and a plot. */
import { histogram, plotToPng, stopWithReader, writeAtomically } from '@weightspace/experiment';
import { openMixedZoo } from '@weightspace/zoo';
import type { MixedZoo } from '@weightspace/zoo';

/** Rows of each run's last checkpoint. */
export function lastRows(zoo: MixedZoo): Int32Array {
  const [run, epoch] = [zoo.fit('run').data, zoo.fit('epoch').data];
  const last = new Map<number, number>();
  run.forEach((number: number, row: number) => {
    const known = last.get(number);
    if (known === undefined || epoch[row]! >= epoch[known]!) last.set(number, row);
  });
  return Int32Array.from(last.values()).sort();
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Networks, architectures, and the spread of what they end with. */
export function describeAccuracies(zoo: MixedZoo): string {
  const rows = lastRows(zoo);
  const accuracy = zoo.target('test-accuracy').data;
  const sorted = Float64Array.from(rows, (row) => accuracy[row]!).sort();
  const at = (share: number) => percent(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
  const diverged = zoo.fit('diverged').data;
  const lost = rows.reduce((sum, row) => sum + diverged[row]!, 0);
  const architectures = zoo.groups.length === 1 ? 'one architecture' : `${zoo.groups.length} architectures`;
  return `${rows.length} networks of ${architectures}, ${zoo.count} rows; test accuracy: median ${at(0.5)}, 5 % below ${at(0.05)}, 5 % above ${at(0.95)}; ${lost} diverged`;
}

/** Writes how test accuracies are distributed at each checkpoint, as `<file>.svg` and `<file>.png`. */
export async function plotAccuracies(folder: string, file: string, title: string): Promise<void> {
  const zoo = await openMixedZoo(folder);
  const [epoch, accuracy] = [zoo.fit('epoch').data, zoo.target('test-accuracy').data];
  const rows = lastRows(zoo);
  const epochs = [...new Set(epoch)].sort((a, b) => a - b);
  const valuesAt = (one: number) =>
    Float64Array.from(
      [...epoch.keys()].filter((row) => epoch[row] === one),
      (row) => 100 * accuracy[row]!,
    );
  const series = epochs.map((one) => ({ name: `after ${one} epoch${one === 1 ? '' : 's'}`, values: valuesAt(one) }));
  const plot = await histogram({
    title,
    subtitle: `${rows.length} networks`,
    x: { title: 'test accuracy (%)' },
    counted: 'networks',
    series,
    bins: 40,
  });
  zoo.close();
  writeAtomically(`${file}.svg`, plot.svg);
  writeAtomically(`${file}.png`, await plotToPng(plot));
}

/** `plot -- FOLDER FILE` of a project in data/: the sample unless the command line names another zoo. */
export async function runPlotCommand(sample: string, title: string): Promise<void> {
  stopWithReader();
  const [folder = sample, file = 'accuracies'] = process.argv.slice(2);
  await plotAccuracies(folder, file, title);
  process.stdout.write(`${file}.svg\n${file}.png\n`);
}
