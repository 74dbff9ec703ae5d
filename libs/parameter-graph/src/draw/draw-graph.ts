import type { EdgeBlock, ParameterGraph } from '../parameter-graph.ts';
import { ParameterGraphError } from '../parameter-graph-error.ts';
import { drawBlocks } from './draw-blocks.ts';
import { drawGroups } from './draw-groups.ts';
import { layOutGraph } from './layout.ts';
import { drawLegend } from './legend.ts';
import { escapeXml, text } from './svg.ts';
import { FAINT, INK } from './theme.ts';

export interface DrawOptions {
  /** The network's name unless said otherwise. */
  readonly title?: string;
  /** Lines per parameter; of more, the largest by magnitude. 400 unless said otherwise. */
  readonly mostLines?: number;
  /** A group with more nodes than this is drawn as a bar. 48 unless said otherwise. */
  readonly mostNodes?: number;
  /** Pixels between columns; chosen by their number unless said otherwise. */
  readonly columnGap?: number;
  /** Only what these layers write and read. */
  readonly layers?: readonly string[];
  /** A number for each node of the graph, which colours it as values colour lines: by its share of the largest. */
  readonly nodeValues?: ArrayLike<number>;
  /** What positive and negative values are, where they aren't parameters: `raises the prediction`. */
  readonly meaning?: { readonly positive: string; readonly negative: string };
}

export interface Picture {
  readonly svg: string;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** What is drawn and what was left out. */
  readonly caption: string;
}

const MARGIN = 28;

/**
 * Draws a parameter graph: inputs left, outputs right, one column for each step of the computation.
 *
 * Lines are blue where a value is positive and orange where it is negative; width and opacity show |value| as a share of
 * the parameter's largest. `nodeValues` colour nodes in the same way, by the largest of all. Parallel edges (of a kernel) are one line: its width is their norm, its colour the sign of
 * their sum.
 * @throws {ParameterGraphError} when a setting isn't possible, or `layers` leaves nothing to draw
 */
export function drawGraph(graph: ParameterGraph, options: DrawOptions = {}): Picture {
  const { mostLines = 400, mostNodes = 48, layers } = options;
  for (const [name, value] of Object.entries({ mostLines, mostNodes })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new ParameterGraphError('drawGraph', `${name} must be a whole number ≥ 1, got ${value}`);
  }
  const { nodeValues, meaning } = options;
  if (nodeValues !== undefined && nodeValues.length !== graph.nodeCount) {
    const problem = `nodeValues must have a number for each of the ${graph.nodeCount} nodes, got ${nodeValues.length}`;
    throw new ParameterGraphError('drawGraph', problem);
  }
  const shown = layers === undefined ? graph : onlyLayers(graph, layers);
  const columns = new Set(shown.groups.map(({ depth }) => depth)).size;
  const gap = options.columnGap ?? Math.max(92, Math.min(190, 1500 / columns));
  const layout = layOutGraph(shown, { gap, tallest: 440, mostNodes });
  const lines = drawBlocks(shown, layout, mostLines);
  const nodes = drawGroups(shown, layout, nodeValues);
  const legend = drawLegend(shown, meaning);
  const width = Math.ceil(Math.max(layout.right - layout.left, legend.width, 420) + 2 * MARGIN);
  const header = 64;
  const above = header + nodes.above - layout.top;
  const bottom = above + Math.max(layout.bottom, lines.bottom) + nodes.below;
  const height = Math.ceil(bottom + legend.height + 56);
  const shift = (width - (layout.right - layout.left)) / 2 - layout.left;
  const caption = captionOf(lines.drawn, lines.pairs, mostLines);
  const title = options.title ?? graph.network.name ?? 'parameter graph';
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans, Verdana, system-ui, sans-serif">`,
    `<title>${escapeXml(title)}</title><desc>${escapeXml(caption)}</desc>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(MARGIN, 30, title, { size: 15, weight: 'bold', fill: INK }),
    text(MARGIN, 49, subtitleOf(graph), { size: 11.5, fill: FAINT }),
    `<g transform="translate(${shift.toFixed(1)} ${above.toFixed(1)})">${lines.svg}${nodes.svg}</g>`,
    `<g transform="translate(${MARGIN} ${(bottom + 26).toFixed(1)})">${legend.svg}</g>`,
    text(MARGIN, height - 14, caption, { size: 11, fill: FAINT }),
    '</svg>',
  ].join('\n');
  return { svg, width, height, caption };
}

function onlyLayers(graph: ParameterGraph, layers: readonly string[]): ParameterGraph {
  const blocks = graph.blocks.filter(({ layer }) => layer !== undefined && layers.includes(layer));
  if (blocks.length === 0) {
    const known = [...new Set(graph.blocks.map(({ layer }) => layer))].join(', ');
    throw new ParameterGraphError('drawGraph', `layers must be of ${known}, got ${layers.join(', ')}`);
  }
  const kept = [...new Set(blocks.flatMap(({ source, target }) => [source, target]))].sort((a, b) => a - b);
  const at = (group: number) => kept.indexOf(group);
  return {
    ...graph,
    groups: kept.map((group) => graph.groups[group]!),
    blocks: blocks.map((block): EdgeBlock => ({ ...block, source: at(block.source), target: at(block.target) })),
  };
}

const count = (n: number): string => n.toLocaleString('en');

function subtitleOf({ style, nodeCount, edgeCount, network, exact }: ParameterGraph): string {
  const total = network.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const variant = exact ? '' : ', as published';
  return `${count(total)} parameters · ${count(nodeCount)} nodes · ${count(edgeCount)} edges · style: ${style}${variant}`;
}

function captionOf(drawn: number, pairs: number, most: number): string {
  if (drawn === pairs) return `All ${count(pairs)} connections are drawn.`;
  const share = Math.max(0.1, Math.round((1000 * drawn) / pairs) / 10);
  return `${count(drawn)} of ${count(pairs)} connections are drawn (${share} %): for each parameter at most the ${count(most)} largest in magnitude.`;
}
