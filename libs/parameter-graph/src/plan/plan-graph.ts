import type { Space } from '@weightspace/architecture';

import { Labels, productKey } from '../network.ts';
import type { GraphNetwork } from '../network.ts';
import type { NodeKind } from '../parameter-graph.ts';
import type { GraphStyle } from '../styles/style.ts';
import type { Carrier } from './carriers.ts';
import { findCarrier } from './carriers.ts';
import type { Dataflow, FlowLayer, FlowValue } from './dataflow.ts';
import { dataflowOf } from './dataflow.ts';
import { oneToOne } from './drafts.ts';
import type { BlockDraft, GraphPlan, GroupDraft } from './drafts.ts';
import { LayerPlanner } from './layer-planner.ts';
import { parameterBlocks, valueFactors } from './parameter-blocks.ts';
import type { ParameterBlock } from './parameter-blocks.ts';
import { addGroup } from './place-parameter.ts';
import { planLabels } from './plan-labels.ts';
import { connectSpaces } from './structure.ts';

/** Groups and blocks of a network's graph; nothing here depends on how large its tensors are. */
export function planGraph(network: GraphNetwork, style: GraphStyle, exact: boolean): GraphPlan {
  const labels = new Labels(network);
  const blocks = network.parameters
    .filter(({ kind }) => exact || kind !== 'statistic')
    .flatMap((parameter) => parameterBlocks(labels, parameter));
  const flow = dataflowOf(network);
  const plan =
    flow === undefined ? planLabels(labels, blocks, style) : new FlowPlanner(labels, flow, style, exact).run(blocks);
  if (exact) connectSpaces(labels, plan);
  return withoutIsolated(plan);
}

/** Without groups that no parameter touches, such as an input of word numbers. */
function withoutIsolated({ groups, blocks }: GraphPlan): GraphPlan {
  const ends = new Set(blocks.flatMap(({ source, target }) => [source, target]));
  const kept = groups.map((group, i) => ends.has(i) || group.features.length > 0);
  let next = 0;
  const index = kept.map((keep) => (keep ? next++ : -1));
  return {
    groups: groups.filter((_, i) => kept[i]),
    blocks: blocks.map((block) => ({ ...block, source: index[block.source]!, target: index[block.target]! })),
  };
}

/** Goes through the layers and gives every value its nodes. */
export class FlowPlanner {
  readonly labels: Labels;
  readonly style: GraphStyle;
  readonly exact: boolean;
  readonly groups: GroupDraft[] = [];
  readonly blocks: BlockDraft[] = [];
  readonly #flow: Dataflow;
  readonly #values: ReadonlyMap<string, FlowValue>;
  readonly #carriers = new Map<string, readonly Carrier[]>();
  /** Of values that have the nodes of others: which. */
  readonly #origins = new Map<string, readonly string[]>();

  constructor(labels: Labels, flow: Dataflow, style: GraphStyle, exact: boolean) {
    this.labels = labels;
    this.style = style;
    this.exact = exact;
    this.#flow = flow;
    this.#values = new Map(flow.values.map((value) => [value.name, value]));
  }

  run(blocks: readonly ParameterBlock[]): GraphPlan & { groups: GroupDraft[]; blocks: BlockDraft[] } {
    for (const value of this.#flow.values) {
      if (value.role === 'input') this.#carriers.set(value.name, this.#newCarriers(value, 0));
    }
    for (const layer of this.#flow.layers) {
      const own = blocks.filter(({ parameter }) => parameter.layer === layer.name);
      this.#carriers.set(layer.output, own.length === 0 ? this.#pass(layer) : new LayerPlanner(this, layer, own).run());
    }
    for (const value of this.#flow.values) {
      if (value.role !== 'output') continue;
      this.carriers(value.name).forEach(({ group }) => (this.groups[group]!.kind = 'output'));
    }
    return { groups: this.groups, blocks: this.blocks };
  }

  value = (name: string): FlowValue => this.#values.get(name)!;
  carriers = (name: string): readonly Carrier[] => this.#carriers.get(name)!;

  /** A group of neurons for one segment of a value. */
  neurons(value: FlowValue, factors: readonly Space[], depth: number, segment: number, count: number): number {
    const kind: NodeKind = value.role === 'input' ? 'input' : 'neuron';
    const name = count > 1 ? `${value.name}.${segment}` : value.name;
    return addGroup(this.groups, { name, kind, depth, layer: undefined, factors, activation: value.activation });
  }

  #newCarriers(value: FlowValue, depth: number): readonly Carrier[] {
    const segments = valueFactors(this.labels, value.label);
    return segments.map((factors, i) => ({
      key: productKey(factors),
      group: this.neurons(value, factors, depth, i, segments.length),
    }));
  }

  /** Whether nothing but one layer reads the value, so that its nodes may become that layer's output. */
  exclusive(name: string): boolean {
    const { role } = this.value(name);
    if (role !== 'hidden') return false;
    const readers = this.#flow.layers.reduce((n, { inputs }) => n + inputs.filter((input) => input === name).length, 0);
    return readers === 1 && (this.#origins.get(name) ?? []).every((origin) => this.exclusive(origin));
  }

  /** The output has the nodes of these inputs; its activation is theirs from now on. */
  take(layer: FlowLayer, origins: readonly string[], carriers: readonly Carrier[]): readonly Carrier[] {
    this.#origins.set(layer.output, origins);
    const { activation } = this.value(layer.output);
    if (activation.kind !== 'identity') carriers.forEach(({ group }) => (this.groups[group]!.activation = activation));
    return carriers;
  }

  /** Edges of value 1 from each node of a value to its counterpart. */
  connect(layer: FlowLayer, from: readonly Carrier[], to: readonly Carrier[]): void {
    const kind = layer.kind === 'add' || layer.kind === 'partial-add' ? 'residual' : 'identity';
    to.forEach(({ key, group }, segment) => {
      const source = findCarrier(from, key, segment);
      if (source === undefined || source === group) return;
      const { size, depth } = this.groups[group]!;
      this.groups[group]!.depth = Math.max(depth, this.groups[source]!.depth + 1);
      const content = oneToOne(size);
      this.blocks.push({ name: layer.name, kind, layer: layer.name, source, target: group, content, read: undefined });
    });
  }

  depthOf = (inputs: readonly string[]): number =>
    Math.max(0, ...inputs.flatMap((name) => this.carriers(name).map(({ group }) => this.groups[group]!.depth)));

  /** A layer without parameters: it joins values, or hands one on. */
  #pass(layer: FlowLayer): readonly Carrier[] {
    if (layer.kind === 'partial-add') return this.#join(layer, layer.inputs.slice(0, 1));
    const inputs = layer.inputs.map((name) => this.carriers(name));
    const wanted = valueFactors(this.labels, this.value(layer.output).label).map(productKey);
    const fits = (carriers: readonly Carrier[]) =>
      carriers.length === wanted.length && carriers.every(({ key }, i) => key === wanted[i]);
    if (inputs.length > 1 && inputs.every(fits)) return this.#join(layer);
    const all = inputs.flat();
    if (fits(all)) return this.#hand(layer, all);
    const later = inputs.toReversed().flat();
    const found = wanted.map((key, segment) => findCarrier(later, key, segment));
    if (found.every((group) => group !== undefined)) {
      return this.take(
        layer,
        layer.inputs,
        wanted.map((key, i) => ({ key, group: found[i]! })),
      );
    }
    return this.#newCarriers(this.value(layer.output), this.depthOf(layer.inputs) + 1);
  }

  /** The value goes on as it is; where an activation is applied to what is read elsewhere too, to nodes of its own. */
  #hand(layer: FlowLayer, carriers: readonly Carrier[]): readonly Carrier[] {
    const { activation } = this.value(layer.output);
    const free = layer.inputs.every((name) => this.exclusive(name) && this.value(name).activation.kind === 'identity');
    if (activation.kind === 'identity' || free) return this.take(layer, layer.inputs, carriers);
    const output = this.#newCarriers(this.value(layer.output), this.depthOf(layer.inputs) + 1);
    this.connect(layer, carriers, output);
    return output;
  }

  /** A sum lies on the nodes of the last of the candidates that nothing else reads; the other inputs lead there. */
  #join(layer: FlowLayer, candidates = layer.inputs): readonly Carrier[] {
    const usable = (name: string) =>
      this.exclusive(name) && (!this.exact || this.value(name).activation.kind === 'identity');
    const main = candidates.toReversed().find(usable);
    const output =
      main === undefined
        ? this.#newCarriers(this.value(layer.output), this.depthOf(layer.inputs) + 1)
        : this.take(layer, layer.inputs, this.carriers(main));
    for (const input of layer.inputs) if (input !== main) this.connect(layer, this.carriers(input), output);
    return output;
  }
}
