/** @file What the colours and shapes of a picture mean; only what is in it. */
import { STRUCTURAL } from '../parameter-graph.ts';
import type { NodeKind, ParameterGraph } from '../parameter-graph.ts';
import { text } from './svg.ts';
import { APART, CONNECTION, FAINT, HAIRLINE, NEGATIVE, NODE_COLORS, NODE_NAMES, POSITIVE } from './theme.ts';

interface Entry {
  readonly symbol: string;
  readonly label: string;
}

const LETTER = 5.9;

const line = (color: string, extra = ''): string =>
  `<path d="M0 0H22" stroke="${color}" stroke-width="2.6" stroke-linecap="round"${extra}/>`;
const square = (color: string): string =>
  `<rect x="7" y="-4.5" width="9" height="9" rx="1.5" fill="${color}" stroke="#475063" stroke-width="0.5"/>`;

export function drawLegend(
  graph: ParameterGraph,
  meaning?: { readonly positive: string; readonly negative: string },
): {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
} {
  let [x, y, width] = [0, 0, 0];
  const parts = entriesOf(graph, meaning).map(({ symbol, label }) => {
    const needed = 30 + label.length * LETTER + 20;
    if (x > 0 && x + needed > 900) [x, y] = [0, y + 20];
    const svg = `<g transform="translate(${x} ${y})">${symbol}${text(29, 4, label, { size: 11, fill: FAINT })}</g>`;
    x += needed;
    width = Math.max(width, x);
    return svg;
  });
  return { svg: parts.join(''), width, height: y + 14 };
}

function entriesOf(
  { groups, blocks, network }: ParameterGraph,
  { positive, negative } = { positive: 'positive', negative: 'negative' },
): Entry[] {
  const kernel = blocks.some(({ places }) => places.length > 0);
  const entries: Entry[] = [
    { symbol: line(POSITIVE), label: kernel ? `${positive} (sum of parallel edges)` : positive },
    { symbol: line(NEGATIVE), label: negative },
  ];
  const structural = new Set(blocks.filter(({ kind }) => STRUCTURAL.has(kind)).map(({ kind }) => kind));
  if (structural.has('residual')) entries.push({ symbol: line(CONNECTION), label: 'residual, value 1' });
  const others = (['identity', 'order', 'part', 'tied'] as const).filter((kind) => structural.has(kind));
  if (others.length > 0) {
    const names = { identity: 'same value', order: 'same order', part: 'part of a pair', tied: 'tied weights' };
    const label = others.map((kind) => names[kind]).join(', ');
    entries.push({ symbol: line(CONNECTION, ' stroke-dasharray="1 5"'), label });
  }
  const kinds = new Set<NodeKind>(groups.map(({ kind }) => kind));
  for (const kind of APART)
    if (kinds.has(kind)) entries.push({ symbol: square(NODE_COLORS[kind]), label: NODE_NAMES[kind]! });
  if (kinds.has('token') || kinds.has('position')) {
    entries.push({ symbol: square(NODE_COLORS.token), label: NODE_NAMES.token! });
  }
  const heads = groups.some(({ factors }) => factors.length > 1 && spaceKind(network, factors[0]!) === 'head');
  if (heads) {
    const frame = `<rect x="6" y="-6" width="12" height="12" rx="4" fill="white" stroke="${HAIRLINE}" stroke-width="1.5"/>`;
    entries.push({ symbol: frame, label: 'one head' });
  }
  return entries;
}

const spaceKind = ({ spaces }: ParameterGraph['network'], name: string): string | undefined =>
  spaces.find((space) => space.name === name)?.kind;
