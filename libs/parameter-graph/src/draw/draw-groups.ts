/** @file The nodes of a picture and their labels. */
import type { ParameterGraph } from '../parameter-graph.ts';
import { nodeY } from './layout.ts';
import type { Layout, PlacedGroup } from './layout.ts';
import { round, shorten, text } from './svg.ts';
import { FAINT, HAIRLINE, INK, NEGATIVE, NODE_COLORS, POSITIVE } from './theme.ts';

export interface DrawnGroups {
  readonly svg: string;
  /** Room for labels above and below. */
  readonly above: number;
  readonly below: number;
}

/** @param values of all nodes of the graph */
export function drawGroups(graph: ParameterGraph, layout: Layout, values?: ArrayLike<number>): DrawnGroups {
  const parts: string[] = [];
  const color = values === undefined ? undefined : nodeColors(values);
  for (const [index, placed] of layout.groups) {
    if (placed.blockSize > 0) parts.push(drawBoxes(placed));
    parts.push(
      placed.shape === 'nodes'
        ? drawNodes(placed, color)
        : placed.shape === 'bar'
          ? drawBar(placed, color)
          : drawApart(placed),
    );
    if (placed.shape !== 'apart') parts.push(drawLabel(placed, layout, hasApart(graph, index)));
  }
  return { svg: parts.join(''), above: 46, below: 22 };
}

const hasApart = ({ blocks, groups }: ParameterGraph, index: number): boolean =>
  blocks.some(({ source, target }) => target === index && groups[source]!.factors.length === 0);

type NodeColor = (node: number) => string;

/** White for 0, blue or orange for the largest of all. */
function nodeColors(values: ArrayLike<number>): NodeColor {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!) || 0);
  return (node) => {
    const share = largest === 0 ? 0 : (values[node]! || 0) / largest;
    return mix(share < 0 ? NEGATIVE : POSITIVE, Math.abs(share));
  };
}

/** A colour on white. */
function mix(color: string, share: number): string {
  const channels = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return `#${channels
    .map((c) =>
      Math.round(255 + (c - 255) * share)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

function drawNodes(placed: PlacedGroup, color?: NodeColor): string {
  const { group, x, radius } = placed;
  const stroke = group.kind === 'input' || group.kind === 'output' ? INK : '#475063';
  const circles = Array.from({ length: group.size }, (_, i) => {
    const fill = color === undefined ? '' : ` fill="${color(group.start + i)}"`;
    return `<circle cx="${round(x)}" cy="${round(nodeY(placed, i))}" r="${round(radius)}"${fill}/>`;
  });
  const width = Math.max(0.5, Math.min(1.1, radius / 4));
  return `<g fill="${NODE_COLORS[group.kind]}" stroke="${stroke}" stroke-width="${round(width)}">${circles.join('')}</g>`;
}

/** With colours, a bar has a stripe for each node. */
function drawBar({ group, x, top, height }: PlacedGroup, color?: NodeColor): string {
  const frame = (fill: string) =>
    `<rect x="${round(x - 5.5)}" y="${round(top)}" width="11" height="${round(height)}" rx="5.5" fill="${fill}" stroke="#475063" stroke-width="1.1"/>`;
  if (color === undefined) return frame(NODE_COLORS[group.kind]);
  const step = height / group.size;
  const stripes = Array.from(
    { length: group.size },
    (_, i) =>
      `<rect x="${round(x - 5)}" y="${round(top + i * step)}" width="10" height="${round(step)}" fill="${color(group.start + i)}"/>`,
  );
  return `${stripes.join('')}${frame('none')}`;
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
