/** @file The nodes of a picture and their labels. */
import type { ParameterGraph } from '../parameter-graph.ts';
import { nodeY } from './layout.ts';
import type { Layout, PlacedGroup } from './layout.ts';
import { round, shorten, text } from './svg.ts';
import { FAINT, HAIRLINE, INK, NODE_COLORS } from './theme.ts';

export interface DrawnGroups {
  readonly svg: string;
  /** Room for labels above and below. */
  readonly above: number;
  readonly below: number;
}

export function drawGroups(graph: ParameterGraph, layout: Layout): DrawnGroups {
  const parts: string[] = [];
  for (const [index, placed] of layout.groups) {
    if (placed.blockSize > 0) parts.push(drawBoxes(placed));
    parts.push(
      placed.shape === 'nodes' ? drawNodes(placed) : placed.shape === 'bar' ? drawBar(placed) : drawApart(placed),
    );
    if (placed.shape !== 'apart') parts.push(drawLabel(placed, layout, hasApart(graph, index)));
  }
  return { svg: parts.join(''), above: 46, below: 22 };
}

const hasApart = ({ blocks, groups }: ParameterGraph, index: number): boolean =>
  blocks.some(({ source, target }) => target === index && groups[source]!.factors.length === 0);

function drawNodes(placed: PlacedGroup): string {
  const { group, x, radius } = placed;
  const stroke = group.kind === 'input' || group.kind === 'output' ? INK : '#475063';
  const circles = Array.from(
    { length: group.size },
    (_, i) => `<circle cx="${round(x)}" cy="${round(nodeY(placed, i))}" r="${round(radius)}"/>`,
  );
  const width = Math.max(0.5, Math.min(1.1, radius / 4));
  return `<g fill="${NODE_COLORS[group.kind]}" stroke="${stroke}" stroke-width="${round(width)}">${circles.join('')}</g>`;
}

function drawBar({ group, x, top, height }: PlacedGroup): string {
  return `<rect x="${round(x - 5.5)}" y="${round(top)}" width="11" height="${round(height)}" rx="5.5" fill="${NODE_COLORS[group.kind]}" stroke="#475063" stroke-width="1.1"/>`;
}

function drawApart({ group, x, top, radius }: PlacedGroup): string {
  return `<rect x="${round(x - radius)}" y="${round(top - radius)}" width="${2 * radius}" height="${2 * radius}" rx="1.5" fill="${NODE_COLORS[group.kind]}" stroke="white" stroke-width="1"/>`;
}

/** Frames around the neurons of each head or group of channels. */
function drawBoxes(placed: PlacedGroup): string {
  const { group, x, blockSize, height } = placed;
  const blocks = group.size / blockSize;
  if (blocks > 24) return '';
  const step = (height - (blocks - 1) * 9) / group.size;
  const pad = Math.min(step / 2, 8) + 1;
  return Array.from({ length: blocks }, (_, b) => {
    const [first, last] = [nodeY(placed, b * blockSize), nodeY(placed, (b + 1) * blockSize - 1)];
    return `<rect x="${round(x - 11)}" y="${round(first - pad)}" width="22" height="${round(last - first + 2 * pad)}" rx="6" fill="white" fill-opacity="0.75" stroke="${HAIRLINE}"/>`;
  }).join('');
}

function drawLabel(placed: PlacedGroup, { gap }: Layout, apart: boolean): string {
  const { group, x, top } = placed;
  const most = Math.floor(gap / 6.6);
  const y = top - (apart ? 30 : 22);
  const head = placed.blockSize > 0 ? `${group.size / placed.blockSize} × ${placed.blockSize}` : String(group.size);
  const activation = group.activation.kind === 'identity' ? '' : ` · ${group.activation.kind}`;
  const name = shorten(group.name, most);
  return [
    text(x, y, name, { size: 11, fill: INK, weight: 'bold', anchor: 'middle', halo: true }),
    text(x, y + 13, `${head}${activation}`, { size: 10, fill: FAINT, anchor: 'middle', halo: true }),
  ].join('');
}
