/** @file The lines of a picture. */
import type { EdgeBlock, ParameterGraph } from '../parameter-graph.ts';
import { STRUCTURAL } from '../parameter-graph.ts';
import { nodeY } from './layout.ts';
import type { Layout, PlacedGroup } from './layout.ts';
import { sampleLines } from './sample.ts';
import { round } from './svg.ts';
import { CONNECTION, NEGATIVE, POSITIVE } from './theme.ts';

export interface DrawnBlocks {
  readonly svg: string;
  readonly drawn: number;
  readonly pairs: number;
  /** How far down lines reach. */
  readonly bottom: number;
}

/** Lines from one bias node. */
const MOST_FROM_ONE = 100;

interface Ends {
  readonly from: PlacedGroup;
  readonly to: PlacedGroup;
}

/** Parameters as lines between nodes; connections of value 1 as one band between groups. */
export function drawBlocks(graph: ParameterGraph, layout: Layout, most: number): DrawnBlocks {
  let [drawn, pairs] = [0, 0];
  const lanes = new Lanes(layout);
  const [bands, lines]: [string[], string[]] = [[], []];
  const parallel = new Map<string, number>();
  for (const block of graph.blocks) {
    const [from, to] = [layout.groups.get(block.source), layout.groups.get(block.target)];
    if (from === undefined || to === undefined) continue;
    if (STRUCTURAL.has(block.kind)) {
      bands.push(lanes.band({ from, to }, block));
      continue;
    }
    const key = `${block.source} ${block.target}`;
    const before = parallel.get(key) ?? 0;
    parallel.set(key, before + 1);
    const sampled = sampleLines(graph, block, from.shape === 'apart' ? Math.min(most, MOST_FROM_ONE) : most);
    drawn += sampled.lines.length;
    pairs += sampled.pairs;
    const bend = before === 0 ? 0 : (before % 2 === 1 ? 1 : -1) * Math.ceil(before / 2) * 22;
    const [widest, faint] = strengthOf(from, sampled.lines.length);
    for (const { source, target, value } of sampled.lines) {
      const share = sampled.largest === 0 ? 0 : Math.abs(value) / sampled.largest;
      const path = pathOf({ from, to }, nodeY(from, source), nodeY(to, target), bend);
      const width = 0.25 + widest * share ** 1.6;
      const opacity = (0.1 + 0.75 * share ** 1.4) * faint;
      lines.push(
        `<path d="${path}" stroke="${value < 0 ? NEGATIVE : POSITIVE}" stroke-width="${round(width)}" stroke-opacity="${round(opacity)}"/>`,
      );
    }
  }
  const svg = `<g fill="none" stroke-linecap="round">${bands.join('')}${lines.join('')}</g>`;
  return { svg, drawn, pairs, bottom: lanes.bottom };
}

/** Many lines are thin and pale, and those from a bias paler still. */
function strengthOf({ shape }: PlacedGroup, count: number): readonly [width: number, opacity: number] {
  if (shape === 'apart') return [0.9, count > 48 ? 0.3 : 0.5];
  const crowd = Math.min(1, count / 400);
  return [2.2 - 1.2 * crowd, 1 - 0.3 * crowd];
}

function pathOf({ from, to }: Ends, y1: number, y2: number, bend: number): string {
  const [x1, x2] = [from.x, to.x];
  if (from.shape === 'apart') return `M${round(x1)} ${round(from.top)}L${round(x2)} ${round(y2)}`;
  if (x2 <= x1) {
    const out = 46 + Math.abs(y2 - y1) * 0.12;
    return `M${round(x1)} ${round(y1)}C${round(x1 + out)} ${round(y1 - 14)} ${round(x2 + out)} ${round(y2 + 14)} ${round(x2)} ${round(y2)}`;
  }
  const reach = (x2 - x1) * 0.42;
  return `M${round(x1)} ${round(y1)}C${round(x1 + reach)} ${round(y1 + bend)} ${round(x2 - reach)} ${round(y2 + bend)} ${round(x2)} ${round(y2)}`;
}

/** Bands that pass below the columns between their ends, each in a lane of its own where they overlap. */
class Lanes {
  readonly #layout: Layout;
  readonly #taken: { readonly left: number; readonly right: number; readonly lane: number }[] = [];
  bottom: number;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.bottom = layout.bottom;
  }

  band({ from, to }: Ends, { kind }: EdgeBlock): string {
    const dash = kind === 'residual' ? '' : ' stroke-dasharray="1 5"';
    const style = `stroke="${CONNECTION}" stroke-width="${kind === 'residual' ? 3.2 : 2.4}"${dash}`;
    const end = { x: to.x, y: to.top + to.height + 5 };
    const start = { x: from.x, y: from.top + from.height + 5 };
    if (Math.abs(to.x - from.x) <= this.#layout.gap * 1.05) {
      if (from.x === to.x)
        return `<path d="M${round(start.x)} ${round(start.y)}L${round(end.x)} ${round(to.top - 5)}" ${style}/>`;
      const y = to.top + to.height / 2;
      const path = pathOf({ from, to: { ...to, x: to.x - 16 } }, from.top + from.height / 2, y, 0);
      const tip = `M${round(to.x - 24)} ${round(y - 5)}L${round(to.x - 15)} ${round(y)}L${round(to.x - 24)} ${round(y + 5)}`;
      return `<path d="${path}" ${style}/><path d="${tip}" stroke="${CONNECTION}" stroke-width="2"/>`;
    }
    const y = this.#lane(Math.min(start.x, end.x), Math.max(start.x, end.x));
    const turn = Math.sign(end.x - start.x) * 22;
    const path = `M${round(start.x)} ${round(start.y)}Q${round(start.x)} ${round(y)} ${round(start.x + turn)} ${round(y)}L${round(end.x - turn)} ${round(y)}Q${round(end.x)} ${round(y)} ${round(end.x)} ${round(end.y)}`;
    const arrow = `<path d="M${round(end.x - 5)} ${round(end.y + 8)}L${round(end.x)} ${round(end.y)}L${round(end.x + 5)} ${round(end.y + 8)}" stroke="${CONNECTION}" stroke-width="2"/>`;
    return `<path d="${path}" ${style}/>${arrow}`;
  }

  #lane(left: number, right: number): number {
    const used = new Set(this.#taken.filter((one) => one.left < right && one.right > left).map(({ lane }) => lane));
    let lane = 0;
    while (used.has(lane)) lane++;
    this.#taken.push({ left, right, lane });
    const columns = [...this.#layout.groups.values()].filter(({ x }) => x >= left && x <= right);
    const y = Math.max(...columns.map(({ top, height }) => top + height)) + 34 + lane * 16;
    this.bottom = Math.max(this.bottom, y);
    return y;
  }
}
