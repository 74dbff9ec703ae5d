/** @file Automorphisms of small graphs, counted by orbits and stabilizers. */
import type { ParameterGraph } from '@weightspace/parameter-graph';

type Colors = Int32Array;

/** A number for each text, in the order in which they come. */
function numbering(): (text: string) => number {
  const known = new Map<string, number>();
  return (text) => {
    if (!known.has(text)) known.set(text, known.size);
    return known.get(text)!;
  };
}

/** `[V, V]`: what leads from each node to each other one; values don't count. */
function relations(graph: ParameterGraph): Int32Array {
  const { nodeCount } = graph;
  const between = new Array<string>(nodeCount * nodeCount).fill('');
  graph.blocks.forEach((block, b) => {
    for (let i = 0; i < block.size * block.width; i++) {
      const edge = block.start + Math.floor(i / block.width);
      const at = graph.source[edge]! * nodeCount + graph.target[edge]!;
      between[at] += ` ${b}:${graph.places[block.valueStart + i]!}`;
    }
  });
  return Int32Array.from(between, numbering());
}

function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x165667b1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f);
  return h ^ (h >>> 13);
}

const classCount = (colors: Colors): number => new Set(colors).size;
const sorted = (colors: Colors): string => colors.toSorted().join();

/**
 * How many permutations of the nodes leave the graph as it is, but for the values on it.
 *
 *     |Aut| = |orbit of v| · |automorphisms that leave v where it is|
 *
 * Nodes of a group whose order is arbitrary look alike; all others differ. Colours are hashes: where two collide, classes
 * are too large and the search takes longer; each isomorphism that is found is checked edge by edge.
 */
export function countAutomorphisms(graph: ParameterGraph): number {
  const n = graph.nodeCount;
  const between = relations(graph);

  /** A node's colour becomes what it sees, until no class falls apart any more. */
  const refine = (colors: Colors): Colors => {
    let now = colors;
    for (let classes = 0; ;) {
      const next = now.map((own, v) => {
        let seen = 0;
        for (let u = 0; u < n; u++) {
          seen = (seen + mix(mix(between[v * n + u]!, between[u * n + v]! + 7919), now[u]!)) | 0;
        }
        return mix(own, seen);
      });
      now = next;
      const found = classCount(now);
      if (found === classes) return now;
      classes = found;
    }
  };
  const marked = (colors: Colors, v: number): Colors => colors.map((color, u) => (u === v ? mix(color, 1) : color));
  const smallestClass = (colors: Colors): number[] => {
    const members = new Map<number, number[]>();
    colors.forEach((color, v) => members.set(color, [...(members.get(color) ?? []), v]));
    const classes = [...members.values()].filter(({ length }) => length > 1);
    return classes.sort((a, b) => a.length - b.length)[0] ?? [];
  };
  const sameEdges = (image: readonly number[]): boolean =>
    between.every((relation, i) => relation === between[image[Math.floor(i / n)]! * n + image[i % n]!]);
  /** Whether an isomorphism takes one colouring to the other. */
  const matches = (a: Colors, b: Colors): boolean => {
    if (sorted(a) !== sorted(b)) return false;
    const [v] = smallestClass(a);
    if (v === undefined) return sameEdges(Array.from(a, (color) => b.indexOf(color)));
    const first = refine(marked(a, v));
    return Array.from(b.keys()).some((w) => b[w] === a[v] && matches(first, refine(marked(b, w))));
  };

  const start = numbering();
  const kinds = graph.groups.flatMap(({ free, size }, g) =>
    Array.from({ length: size }, (_, i) => start(free ? `${g}` : `${g} ${i}`)),
  );
  let count = 1;
  for (let colors = refine(Int32Array.from(kinds)); ;) {
    const orbit = smallestClass(colors);
    if (orbit.length === 0) return count;
    const fixed = refine(marked(colors, orbit[0]!));
    count *= orbit.filter((w) => matches(fixed, refine(marked(colors, w)))).length;
    colors = fixed;
  }
}
