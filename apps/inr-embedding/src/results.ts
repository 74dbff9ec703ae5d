/** @file Pictures of a finished run. */
import type { NdArray, RandomStream } from '@weightspace/compute';
import { linePlot, scatterPlot } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';

import { mapOf } from './map.ts';
import type { EmbeddingResult } from './train-embedding.ts';
import type { EmbeddingData } from './zoo-data.ts';

/** Ranges into which numbers are cut for colours. */
const RANGES = 5;

export async function drawResults(
  context: RunContext,
  data: EmbeddingData,
  result: EmbeddingResult,
  embeddings: NdArray,
  stream: RandomStream,
): Promise<void> {
  const points = mapOf(embeddings, stream);
  for (const [name, values] of Object.entries(data.targets)) {
    const own = Array.from(data.test, (row) => values.data[row]!);
    await context.savePlot(
      `map-${name}`,
      await scatterPlot({
        title: `Embeddings of test networks, coloured by ${name}`,
        x: { title: 'first coordinate of UMAP' },
        y: { title: 'second coordinate of UMAP' },
        series: groupsOf(own, values.dtype === 'int32').map(({ name: group, members }) => ({
          name: group,
          x: members.map((i) => points[i]![0]),
          y: members.map((i) => points[i]![1]),
        })),
        width: 460,
        height: 420,
      }),
      `Each point is a network; the map was made without ${name}. Distances far apart mean little.`,
    );
  }
  const epochs = result.curve.map(({ epoch }) => epoch);
  await context.savePlot(
    'loss',
    await linePlot({
      title: 'Contrastive loss',
      x: { title: 'epoch' },
      y: { title: 'nats' },
      series: [{ name: 'training', x: epochs, y: result.curve.map((point) => point['train/loss']!) }],
    }),
    'How badly each view finds the other view of its network in a batch.',
  );
}

/** Networks by class, or by range of a number. */
function groupsOf(values: readonly number[], whole: boolean): { readonly name: string; readonly members: number[] }[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const width = (most - least) / RANGES || 1;
  const groupOf = (v: number) => (whole ? v : Math.min(RANGES - 1, Math.floor((v - least) / width)));
  const nameOf = (g: number) =>
    whole ? String(g) : `${(least + g * width).toFixed(1)} to ${(least + (g + 1) * width).toFixed(1)}`;
  const groups = [...new Set(values.map(groupOf))].sort((a, b) => a - b);
  return groups.map((g) => ({ name: nameOf(g), members: values.flatMap((v, i) => (groupOf(v) === g ? [i] : [])) }));
}
