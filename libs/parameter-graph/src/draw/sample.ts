/** @file Which edges are drawn: parallel ones as one line, and of too many the largest. */
import type { EdgeBlock, ParameterGraph } from '../parameter-graph.ts';

export interface Line {
  /** Numbers within the groups. */
  readonly source: number;
  readonly target: number;
  /** Signed: the norm of the parallel values with the sign of their sum. */
  readonly value: number;
}

export interface Sampled {
  readonly lines: readonly Line[];
  /** Pairs of nodes that the block connects. */
  readonly pairs: number;
  /** The largest |value| of a line. */
  readonly largest: number;
}

/**
 * The lines of a block.
 *
 * @param most the largest by magnitude are kept
 */
export function sampleLines(graph: ParameterGraph, block: EdgeBlock, most: number): Sampled {
  const { source, target, sum, square } = combined(graph, block);
  const pairs = source.length;
  const magnitude = Float32Array.from(square, Math.sqrt);
  const sorted = magnitude.slice().sort();
  const threshold = pairs <= most ? -1 : sorted[pairs - most]!;
  const lines: Line[] = [];
  for (let i = 0; i < pairs && lines.length < most; i++) {
    if (magnitude[i]! < threshold) continue;
    const value = sum[i]! < 0 ? -magnitude[i]! : magnitude[i]!;
    lines.push({ source: source[i]!, target: target[i]!, value: Number.isFinite(value) ? value : 0 });
  }
  lines.sort((a, b) => Math.abs(a.value) - Math.abs(b.value));
  return { lines, pairs, largest: sorted.findLast((value) => Number.isFinite(value)) ?? 0 };
}

interface Combined {
  readonly source: Int32Array;
  readonly target: Int32Array;
  readonly sum: Float64Array;
  readonly square: Float64Array;
}

function combined(graph: ParameterGraph, block: EdgeBlock): Combined {
  const { start, size, width, valueStart } = block;
  const [from, to] = [graph.groups[block.source]!, graph.groups[block.target]!];
  const parallel = block.places.length > 0 && width === 1;
  const numbers = parallel ? pairNumbers(graph, block, from.size) : Int32Array.from({ length: size }, (_, i) => i);
  const count = parallel ? numbers.reduce((most, n) => Math.max(most, n), -1) + 1 : size;
  const [source, target] = [new Int32Array(count), new Int32Array(count)];
  const [sum, square] = [new Float64Array(count), new Float64Array(count)];
  for (let e = 0; e < size; e++) {
    const pair = numbers[e]!;
    source[pair] = graph.source[start + e]! - from.start;
    target[pair] = graph.target[start + e]! - to.start;
    for (let k = 0; k < width; k++) {
      const value = graph.values[valueStart + e * width + k]!;
      sum[pair]! += value;
      square[pair]! += value * value;
    }
  }
  return { source, target, sum, square };
}

/** Numbers the pairs of nodes in the order in which they first appear. */
function pairNumbers(graph: ParameterGraph, { start, size }: EdgeBlock, sources: number): Int32Array {
  const known = new Map<number, number>();
  const result = new Int32Array(size);
  for (let e = 0; e < size; e++) {
    const key = graph.target[start + e]! * (sources + graph.nodeCount) + graph.source[start + e]!;
    let number = known.get(key);
    if (number === undefined) known.set(key, (number = known.size));
    result[e] = number;
  }
  return result;
}
