/** @file Automorphisms of small graphs, counted by orbits and stabilizers. */
import type { ParameterGraph } from '@weightspace/parameter-graph';

/** `[V, V]`: what leads from each node to each other one; values don't count. */
function relations(graph: ParameterGraph): string[] {
  const { nodeCount } = graph;
  const between = new Array<string>(nodeCount * nodeCount).fill('');
  graph.blocks.forEach((block, b) => {
    for (let i = 0; i < block.size * block.width; i++) {
      const edge = block.start + Math.floor(i / block.width);
      const at = graph.source[edge]! * nodeCount + graph.target[edge]!;
      between[at] += ` ${b}:${graph.places[block.valueStart + i]!}`;
    }
  });
  return between;
}

/**
 * How many permutations of the nodes leave the graph as it is, but for the values on it.
 *
 *     |Aut| = |orbit of v| · |automorphisms that leave v where it is|
 *
 * Nodes of a group whose order is arbitrary look alike; all others differ.
 */
export function countAutomorphisms(graph: ParameterGraph): number {
  const n = graph.nodeCount;
  const between = relations(graph);
  const start = graph.groups.flatMap(({ free, size }, g) =>
    Array.from({ length: size }, (_, i) => (free ? `${g}` : `${g} ${i}`)),
  );

  /** A node's colour becomes what it sees, until no class falls apart any more. */
  const refine = (colors: readonly string[]): string[] => {
    let now = [...colors];
    for (let classes = 0; ;) {
      const next = now.map((own, v) => {
        const seen = now.map((other, u) => `${between[v * n + u]!}|${between[u * n + v]!}|${other}`);
        return `${own};${seen.sort().join()}`;
      });
      const names = new Map([...new Set(next)].sort().map((name, i) => [name, String(i)]));
      now = next.map((name) => names.get(name)!);
      if (names.size === classes) return now;
      classes = names.size;
    }
  };
  const marked = (colors: readonly string[], v: number) => colors.map((color, u) => (u === v ? `${color}!` : color));
  const classOf = (colors: readonly string[]): number[] => {
    const members = new Map<string, number[]>();
    colors.forEach((color, v) => members.set(color, [...(members.get(color) ?? []), v]));
    const classes = [...members.values()].filter(({ length }) => length > 1);
    return classes.sort((a, b) => a.length - b.length)[0] ?? [];
  };
  /** Whether an isomorphism takes one colouring to the other. */
  const matches = (a: readonly string[], b: readonly string[]): boolean => {
    if (a.toSorted().join() !== b.toSorted().join()) return false;
    const own = classOf(a);
    if (own.length === 0) {
      const image = a.map((color) => b.indexOf(color));
      return between.every((relation, i) => relation === between[image[Math.floor(i / n)]! * n + image[i % n]!]);
    }
    const first = refine(marked(a, own[0]!));
    const candidates = [...b.keys()].filter((w) => b[w] === a[own[0]!]);
    return candidates.some((w) => matches(first, refine(marked(b, w))));
  };
  let count = 1;
  for (let colors = refine(start); ;) {
    const own = classOf(colors);
    if (own.length === 0) return count;
    const fixed = refine(marked(colors, own[0]!));
    count *= own.filter((w) => matches(fixed, refine(marked(colors, w)))).length;
    colors = fixed;
  }
}
