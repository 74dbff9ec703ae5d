import type { Labels } from '../network.ts';
import type { EdgeKind, NodeKind } from '../parameter-graph.ts';
import type { GraphStyle } from '../styles/style.ts';
import { noActivation } from './drafts.ts';
import type { BlockDraft, GraphPlan, GroupDraft } from './drafts.ts';
import { edgeKind } from './kinds.ts';
import type { ParameterBlock, Side } from './parameter-blocks.ts';
import { addGroup, placeParameter } from './place-parameter.ts';

/**
 * The graph of a network of which only labels are known: each space has one set of nodes, whoever writes it.
 *
 * What is computed in several steps on one space (a residual stream) thus lies on the same nodes; no residual edges.
 */
export function planLabels(labels: Labels, blocks: readonly ParameterBlock[], style: GraphStyle): GraphPlan {
  return new LabelPlanner(labels, style).run(blocks);
}

class LabelPlanner {
  readonly style: GraphStyle;
  readonly groups: GroupDraft[] = [];
  readonly blocks: BlockDraft[] = [];
  readonly #labels: Labels;
  readonly #byKey = new Map<string, number>();
  readonly #read = new Set<number>();
  readonly #written = new Set<number>();

  constructor(labels: Labels, style: GraphStyle) {
    this.#labels = labels;
    this.style = style;
  }

  run(blocks: readonly ParameterBlock[]): GraphPlan {
    const mixing = new Set(blocks.filter(reads).map(({ parameter }) => parameter.layer));
    for (const block of blocks) this.#place(block, !mixing.has(block.parameter.layer));
    this.groups.forEach((group, i) => {
      if (group.kind !== 'neuron' || group.factors.some(({ free }) => free)) return;
      if (!this.#written.has(i)) group.kind = 'input';
      else if (!this.#read.has(i)) group.kind = 'output';
    });
    return { groups: this.groups, blocks: this.blocks };
  }

  #place(block: ParameterBlock, elementwise: boolean): void {
    const kind = edgeKind(block, elementwise, false);
    const source = block.source.factors.length > 0 ? this.#group(block, block.source, 0, kind) : undefined;
    if (source !== undefined) this.#read.add(source);
    const depth = source === undefined ? 0 : this.groups[source]!.depth + 1;
    const target = this.#group(block, block.target, depth, kind);
    if (source !== undefined || kind === 'bias') this.#written.add(target);
    const kernel = block.places.some(({ space }) => space.kind === 'kernel');
    const counterpart = kind !== 'weight' || kernel ? { group: target, factors: block.target.factors } : undefined;
    placeParameter(this, block, kind, { target, counterpart, source: () => source! });
  }

  #group(block: ParameterBlock, { key, factors }: Side, depth: number, edge: EdgeKind): number {
    const { layer } = block.parameter;
    const name = factors.length === 0 ? layer : key;
    const known = this.#byKey.get(name);
    if (known !== undefined) return known;
    const spaces = factors.map(({ space }) => space);
    const table = spaces.length > 0 && spaces.every(({ kind }) => kind === 'position' || kind === 'token');
    const kind: NodeKind =
      spaces.length === 0
        ? 'constant'
        : !table || edge !== 'embedding'
          ? 'neuron'
          : spaces[0]!.kind === 'token'
            ? 'token'
            : 'position';
    const owner = spaces.some((space) => this.#labels.ancestors(space).length > 0) ? layer : undefined;
    const activation = spaces.at(-1)?.activation ?? noActivation();
    const group = addGroup(this.groups, { name, kind, depth, layer: owner, factors: spaces, activation });
    this.#byKey.set(name, group);
    return group;
  }
}

const reads = ({ source }: ParameterBlock): boolean =>
  source.factors.some(({ space }) => space.kind !== 'token' && space.kind !== 'position');
