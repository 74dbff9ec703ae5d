/** @file The parameters of one layer: between which nodes their edges lie. */
import type { Space } from '@weightspace/architecture';

import { productKey } from '../network.ts';
import type { NodeKind } from '../parameter-graph.ts';
import { findCarrier } from './carriers.ts';
import type { Carrier } from './carriers.ts';
import type { FlowLayer } from './dataflow.ts';
import { noActivation, oneToOne } from './drafts.ts';
import { edgeKind } from './kinds.ts';
import { valueFactors } from './parameter-blocks.ts';
import type { ParameterBlock, Side } from './parameter-blocks.ts';
import { addGroup, placeParameter } from './place-parameter.ts';
import type { Ends } from './place-parameter.ts';
import type { FlowPlanner } from './plan-graph.ts';

/** Weights that read what their own layer wrote before: recurrent ones. */
const RECURRENT = /(^|[._])(hh|recurrent|hidden)([._]|$)/;

export class LayerPlanner {
  readonly #graph: FlowPlanner;
  readonly #layer: FlowLayer;
  readonly #blocks: readonly ParameterBlock[];
  readonly #inputs: readonly Carrier[];
  readonly #outputKeys: readonly string[];
  readonly #output: (number | undefined)[];
  /** Nodes that only this layer has, such as the neurons of its heads. */
  readonly #internal = new Map<string, number>();
  readonly #elementwise: boolean;
  #depth: number;

  constructor(graph: FlowPlanner, layer: FlowLayer, blocks: readonly ParameterBlock[]) {
    this.#graph = graph;
    this.#layer = layer;
    this.#blocks = blocks;
    this.#inputs = layer.inputs.flatMap((name) => graph.carriers(name));
    this.#outputKeys = valueFactors(graph.labels, graph.value(layer.output).label).map(productKey);
    this.#output = this.#outputKeys.map(() => undefined);
    this.#depth = graph.depthOf(layer.inputs);
    this.#elementwise = this.#isElementwise();
  }

  run(): readonly Carrier[] {
    if (this.#elementwise) this.#placeElementwise();
    for (const block of this.#blocks) this.#place(block);
    for (const { parameter, transposed } of this.#layer.tied ?? []) this.#tie(parameter, transposed);
    this.#outputKeys.forEach((key, i) => {
      this.#output[i] ??= findCarrier(this.#inputs, key, i) ?? this.#ensureOutput(i);
    });
    return this.#outputKeys.map((key, i) => ({ key, group: this.#output[i]! }));
  }

  /** Whether each neuron goes on on its own, as in a norm: no parameter reads another neuron's value. */
  #isElementwise(): boolean {
    const kept = this.#outputKeys.every((key, i) => findCarrier(this.#inputs, key, i) !== undefined);
    const own = ({ parameter, source }: ParameterBlock) =>
      source.factors.length === 0
        ? parameter.kind !== 'weight'
        : findCarrier(this.#inputs, source.key, source.segment) === undefined;
    return kept && this.#blocks.length > 0 && this.#blocks.every(own) && (this.#layer.tied ?? []).length === 0;
  }

  #placeElementwise(): void {
    const [input] = this.#layer.inputs;
    const { exact, style } = this.#graph;
    const diagonal = this.#blocks.some((block) => style.placement(edgeKind(block, true, false)) === 'diagonal');
    const free = this.#graph.exclusive(input!) && this.#graph.value(input!).activation.kind === 'identity';
    if (!diagonal && (free || !exact)) {
      const taken = this.#outputKeys.map((key, i) => ({ key, group: findCarrier(this.#inputs, key, i)! }));
      this.#graph.take(this.#layer, [input!], taken).forEach(({ group }, i) => (this.#output[i] = group));
      return;
    }
    this.#outputKeys.forEach((_, i) => this.#ensureOutput(i));
    if (diagonal) return;
    const output = this.#outputKeys.map((key, i) => ({ key, group: this.#output[i]! }));
    this.#graph.connect(this.#layer, this.#inputs, output);
  }

  #place(block: ParameterBlock): void {
    const target = this.#targetOf(block.target);
    const { source } = block;
    const reads = source.factors.length > 0 && findCarrier(this.#inputs, source.key, source.segment) !== undefined;
    placeParameter(this.#graph, block, edgeKind(block, this.#elementwise, reads), {
      target,
      counterpart: this.#counterpart(block.target),
      source: () => this.#sourceOf(block, target),
    });
  }

  /** What is read by a parameter whose only neurons are those that it writes; a channel may be written several times. */
  #counterpart({ factors, segment }: Side): Ends['counterpart'] {
    for (let length = factors.length; length > 0; length--) {
      const own = factors.slice(0, length);
      const group = findCarrier(this.#inputs, productKey(own.map(({ space }) => space)), segment);
      if (group !== undefined) return { group, factors: own };
    }
    return undefined;
  }

  /** Where a parameter of an earlier layer is used again, its nodes there lead to those here. */
  #tie(parameter: string, transposed: boolean): void {
    const { groups, blocks } = this.#graph;
    const first = blocks.filter(({ content }) => 'parameter' in content && content.parameter.name === parameter);
    const add = (source: number, target: number) => {
      if (source === target) return;
      const content = oneToOne(groups[target]!.size);
      const ends = { source, target, content, read: undefined };
      blocks.push({ name: parameter, kind: 'tied', layer: this.#layer.name, ...ends });
    };
    for (const { content, source, target } of first) {
      const block = content as ParameterBlock;
      const [outward, inward] = this.#turned(block, transposed)
        ? (['source', 'target'] as const)
        : (['target', 'source'] as const);
      const ends = { source, target };
      if (block[outward].factors.length === 0) continue;
      const written = this.#targetOf(block[outward]);
      if (block[inward].factors.length > 0)
        add(ends[inward], this.#sourceOf({ ...block, source: block[inward] }, written));
      add(ends[outward], written);
    }
  }

  /** Whether what a shared parameter wrote at first is what it reads here. */
  #turned({ target, source }: ParameterBlock, transposed: boolean): boolean {
    if (target.key === source.key) return transposed;
    return this.#outputKeys.includes(source.key) && !this.#outputKeys.includes(target.key);
  }

  #targetOf({ key, segment, factors }: Side): number {
    const i = this.#outputKeys[segment] === key ? segment : this.#outputKeys.indexOf(key);
    if (i >= 0) return this.#ensureOutput(i);
    return this.#ensureInternal(key, factors, factors.length === 0 ? 'constant' : 'neuron');
  }

  #sourceOf({ parameter, source }: ParameterBlock, target: number): number {
    const { key, segment, factors } = source;
    const own = this.#outputKeys.indexOf(key);
    if (own >= 0 && RECURRENT.test(parameter.name.slice(parameter.layer.length))) return this.#ensureOutput(own);
    const found = this.#internal.get(key) ?? findCarrier(this.#inputsOf(parameter.name), key, segment);
    if (found !== undefined) return found;
    if (own >= 0) return this.#ensureOutput(own);
    const table = factors.every(({ space }) => space.kind === 'position' || space.kind === 'token');
    const kind: NodeKind = !table ? 'neuron' : factors[0]!.space.kind === 'token' ? 'token' : 'position';
    const group = this.#ensureInternal(key, factors, kind);
    if (table) this.#graph.groups[group]!.depth = Math.max(0, this.#graph.groups[target]!.depth - 1);
    return group;
  }

  /** Attention reads queries, keys and values from one value, from two, or from three. */
  #inputsOf(parameter: string): readonly Carrier[] {
    const { inputs, kind, name } = this.#layer;
    const at = ['q', 'k', 'v'].indexOf(parameter.slice(name.length + 1).split('.')[0]!);
    if (kind !== 'attention' || at < 0) return this.#inputs;
    return this.#graph.carriers(inputs[Math.min(at, inputs.length - 1)]!);
  }

  #ensureOutput(i: number): number {
    const value = this.#graph.value(this.#layer.output);
    const factors = valueFactors(this.#graph.labels, value.label)[i]!;
    return (this.#output[i] ??= this.#graph.neurons(value, factors, this.#depth + 1, i, this.#outputKeys.length));
  }

  #ensureInternal(key: string, factors: Side['factors'], kind: NodeKind): number {
    const known = this.#internal.get(key) ?? this.#merged(factors);
    if (known !== undefined) {
      this.#internal.set(key, known);
      return known;
    }
    if (kind === 'neuron') this.#depth = this.#graph.depthOf(this.#layer.inputs) + 1;
    const spaces = factors.map(({ space }) => space);
    const name = internalName(this.#layer.name, spaces);
    const activation = spaces.at(-1)?.activation ?? noActivation();
    const draft = { name, kind, depth: this.#depth, layer: this.#layer.name, factors: spaces, activation };
    const group = addGroup(this.#graph.groups, draft);
    this.#internal.set(key, group);
    return group;
  }

  /** As the public code has it, what is computed inside a layer lies on one set of nodes where sizes allow it. */
  #merged(factors: Side['factors']): number | undefined {
    if (this.#graph.exact || factors.length === 0) return undefined;
    const size = factors.reduce((product, { space }) => product * space.size, 1);
    return [...this.#internal.values()].find((group) => this.#graph.groups[group]!.size === size);
  }
}

/** Without the heads, and without the layer's name again: `attn.qk`. */
function internalName(layer: string, spaces: readonly Space[]): string {
  const own = spaces.filter(({ kind }, i) => kind !== 'head' || i === spaces.length - 1 || i > 0);
  const names = own.map(({ name }) => (name.startsWith(`${layer}.`) ? name.slice(layer.length + 1) : name));
  return names.length === 0 ? layer : `${layer}.${names.join('×')}`;
}
