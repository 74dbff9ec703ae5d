/** @file The report of a run: one HTML file that needs nothing else. */
import { formatNumber } from '../cli/metrics-table.ts';
import type { Environment } from '../environment/environment.ts';
import { flattenPaths, sameJson } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { escapeXml } from '../plot/escape.ts';
import type { Summary } from '../run/summary.ts';
import { formatSeconds } from '../stopwatch.ts';
import { STYLE } from './style.data.ts';

export interface Figure {
  readonly name: string;
  readonly caption: string;
  readonly svg: string;
}

export interface ReportInput {
  readonly summary: Summary;
  readonly claim: string;
  readonly id: string;
  readonly startedAt: string;
  /** The last step that was logged. */
  readonly steps: number | undefined;
  /** Settings that differ from these are marked. */
  readonly defaults: JsonObject;
  readonly environment: Environment;
  readonly figures: readonly Figure[];
  /** Gives the run again. */
  readonly command: string;
}

export function renderReport(input: ReportInput): string {
  const { summary, claim, id, figures } = input;
  const sections = [
    section('Results', resultsTable(summary)),
    figures.length === 0 ? '' : section('Plots', `<div class="figures">${figures.map(figure).join('')}</div>`),
    section('Settings', settingsTable(summary.config, input.defaults)),
    section('Environment', environmentTable(input)),
    section('Run it again', reproduce(input)),
    section(
      'Files',
      `<p class="files">${summary.artifacts.map((name) => `<code>${escapeXml(name)}</code>`).join(' ')}</p>`,
    ),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeXml(`${summary.experiment}: ${id}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeXml(summary.experiment)}</h1>
<p class="claim">${escapeXml(claim)}</p>
<p class="facts">${facts(input).map(escapeXml).join(' · ')}</p>
</header>
<main>
${sections.filter((text) => text !== '').join('\n')}
</main>
</body>
</html>
`;
}

const facts = ({ summary, startedAt, id, steps }: ReportInput): string[] => [
  id,
  `${startedAt.slice(0, 16).replace('T', ' ')} UTC`,
  formatSeconds(summary.seconds),
  ...(steps === undefined ? [] : [`${steps} steps`]),
  `seed ${summary.seed}`,
  `device ${summary.device}`,
];

const section = (title: string, body: string): string => `<section><h2>${title}</h2>${body}</section>`;

const table = (head: readonly string[], rows: readonly string[], kind = ''): string =>
  `<div class="scroll"><table class="${kind}">${head.length === 0 ? '' : `<thead><tr>${head.map((cell) => `<th scope="col">${escapeXml(cell)}</th>`).join('')}</tr></thead>`}<tbody>${rows.join('')}</tbody></table></div>`;

/** Metrics down, models across. */
function resultsTable({ metrics, baselines }: Summary): string {
  const models = Object.entries(baselines);
  const names = [...new Set([metrics, ...models.map(([, values]) => values)].flatMap(Object.keys))];
  const rows = names.map((name) => {
    const cells = [metrics[name], ...models.map(([, values]) => values[name])];
    const shown = cells.map(
      (value, at) =>
        `<td${at === 0 ? ' class="own"' : ''}>${value === undefined ? '—' : escapeXml(formatNumber(value))}</td>`,
    );
    return `<tr><th scope="row">${escapeXml(name)}</th>${shown.join('')}</tr>`;
  });
  return table(['metric', 'this run', ...models.map(([model]) => model)], rows, 'numbers');
}

/** Wider figures take a row of their own. */
const WIDE = 640;

function figure({ name, caption, svg }: Figure, at: number): string {
  const label = escapeXml(caption === '' ? name : caption);
  const text = caption === '' ? '' : `<figcaption>${escapeXml(caption)}</figcaption>`;
  const width = Number(/<svg[^>]* width="([\d.]+)"/.exec(svg)?.[1] ?? 0);
  return `<figure${width > WIDE ? ' class="wide"' : ''} role="img" aria-label="${label}">${inlineSvg(svg, `f${at}-`)}${text}</figure>`;
}

/** SVG as a part of HTML: without its namespaces, and with ids of its own, since two plots may use the same. */
export function inlineSvg(svg: string, prefix: string): string {
  return svg
    .replace(/<\?xml[^>]*\?>|<!DOCTYPE[^>]*>/g, '')
    .replace(/ xmlns(:\w+)?="[^"]*"/g, '')
    .replace(/ xlink:href=/g, ' href=')
    .replace(/ id="([^"]+)"/g, ` id="${prefix}$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${prefix}$1)`)
    .replace(/ href="#([^"]+)"/g, ` href="#${prefix}$1"`);
}

function settingsTable(config: JsonObject, defaults: JsonObject): string {
  const usual = flattenPaths(defaults);
  const rows = Object.entries(flattenPaths(config)).map(([path, value]) => {
    const changed = !Object.hasOwn(usual, path) || !sameJson(usual[path]!, value);
    const was =
      changed && Object.hasOwn(usual, path) ? ` <small>default ${escapeXml(JSON.stringify(usual[path]))}</small>` : '';
    return `<tr${changed ? ' class="changed"' : ''}><th scope="row">${escapeXml(path)}</th><td>${escapeXml(JSON.stringify(value))}${was}</td></tr>`;
  });
  return table([], rows);
}

function environmentTable({ environment, summary }: ReportInput): string {
  const { cpu, cores, memoryGigabytes, system, node, versions } = environment;
  const entries: [string, string][] = [
    ['commit', summary.commit ?? 'none'],
    ['processor', `${cpu}, ${cores} cores`],
    ['memory', `${memoryGigabytes} GB`],
    ['system', system],
    ['Node.js', node],
    ...Object.entries(versions),
  ];
  return table(
    [],
    entries.map(([name, value]) => `<tr><th scope="row">${escapeXml(name)}</th><td>${escapeXml(value)}</td></tr>`),
  );
}

function reproduce({ summary, command }: ReportInput): string {
  const hash = summary.commit?.replace('-dirty', '');
  const checkout = hash === undefined ? '' : `git checkout ${hash}\n`;
  const note =
    summary.commit?.endsWith('-dirty') === true ? '<p>The code had changes that are not in this commit.</p>' : '';
  return `<pre><code>${escapeXml(`${checkout}${command}`)}</code></pre>${note}`;
}
