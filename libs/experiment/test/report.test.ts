import { describe, expect, test } from 'vitest';

import { environment, linePlot, renderReport } from '@weightspace/experiment';
import type { ReportInput } from '@weightspace/experiment';

const plot = await linePlot({
  title: 'Loss',
  x: { title: 'step' },
  y: { title: 'loss (nats)' },
  series: [{ name: 'a', x: [1, 2], y: [3, 4] }],
});
const input: ReportInput = {
  id: 'walk-20260131-104502-s3-k3x9f0',
  claim: 'Is <better> than "chance".',
  startedAt: '2026-01-31T10:45:02.000Z',
  steps: 70,
  defaults: { seed: 0, model: { width: 64 } },
  environment: environment(),
  command: "npx nx run app:train -- --set 'note=a b' --set seed=3",
  figures: [
    { name: 'loss', caption: 'Loss & step', svg: plot.svg },
    { name: 'again', caption: '', svg: plot.svg },
  ],
  summary: {
    experiment: 'walk',
    config: { seed: 3, model: { width: 64, note: '</style><script>' } },
    seed: 3,
    metrics: { 'test/accuracy': 0.9134, 'train/loss': NaN },
    baselines: { 'stat-nn': { 'test/accuracy': 0.31, 'test/mse': 2e-7 } },
    seconds: 187,
    device: 'cpu',
    commit: '0123456789abcdef-dirty',
    artifacts: ['model.onnx'],
  },
};
const html = renderReport(input);
const cells = (text: string) => [...text.matchAll(/<t[hd](?: [^>]*)?>(.*?)<\/t[hd]>/g)].map(([, inner]) => inner);

describe('renderReport', () => {
  test('needs nothing from outside', () => {
    expect(html).not.toMatch(/https?:|\/\/[a-z]|<script|<link|@import|\bsrc=/i);
    for (const [, target] of html.matchAll(/(?:href=|url\()["']?([^"')>\s]+)/g)) expect(target).toMatch(/^(#|data:)/);
  });
  test('sets metrics and baselines side by side under the same names', () => {
    const table = cells(html.slice(html.indexOf('Results</h2>'), html.indexOf('Plots</h2>')));
    expect(table).toEqual([
      'metric',
      'this run',
      'stat-nn',
      'test/accuracy',
      '0.9134',
      '0.3100',
      'train/loss',
      'NaN',
      '—',
      'test/mse',
      '—',
      '2.000e-7',
    ]);
  });
  test('marks settings that differ from the defaults', () => {
    expect(html).toContain('<tr class="changed"><th scope="row">seed</th><td>3 <small>default 0</small></td></tr>');
    expect(html).toContain('<tr><th scope="row">model.width</th><td>64</td></tr>');
  });
  test('escapes what it is given', () => {
    expect(html).toContain('Is &lt;better&gt; than &quot;chance&quot;.');
    expect(html).toContain('<td>&quot;&lt;/style&gt;&lt;script&gt;&quot;</td>');
    expect(html).toContain('<figcaption>Loss &amp; step</figcaption>');
  });
  test('says how to get the run again, and that the commit is not all of it', () => {
    expect(html).toContain(
      'git checkout 0123456789abcdef\nnpx nx run app:train -- --set &#39;note=a b&#39; --set seed=3',
    );
    expect(html).toContain('The code had changes that are not in this commit.');
  });
  test('gives the ids of two plots different names, and each reference its target', () => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of html.matchAll(/url\(#([^)]+)\)/g)) expect(ids).toContain(id);
  });
  test('fits a phone and the dark', () => {
    expect(html).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
    expect(html).toContain('@media (prefers-color-scheme: dark)');
  });
});
