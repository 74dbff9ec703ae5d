/** @file Exact rewritings after which labels say more: what selects from a concatenation, and what joins selections again. */
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema } from 'onnx-buf';

import type { Evaluation } from './evaluate.ts';
import { Attributes } from './graph.ts';
import type { OnnxNode } from './graph.ts';
import { numbers } from './tensor-data.ts';

/** Domain of the operators that only this library has: `Select` and `Join`. */
export const OWN_DOMAIN = 'weightspace';

/** One member of an axis, which goes away. */
interface Selected {
  readonly source: string;
  readonly axis: number;
  readonly index: number;
}

/**
 * A model's nodes, without those that nothing reads, and with
 *
 *     Gather(Concat(a, b, …), i)                      →  Select(b, i − |a|)        the same axis, one index
 *     Concat(Select(x, 0), Select(x, 1), …)           →  Join(x)                   all members of an axis, in order
 *
 * The first keeps the last state of a stack of recurrent layers apart from the others, the second the states of two directions.
 */
export function simplify(evaluation: Evaluation): OnnxNode[] {
  const { graph, merges } = evaluation;
  const selected = evaluation.nodes.map((node) => selectFromPart(evaluation, node));
  const joined = selected.map((node) => joinSelections(evaluation, selected, node));
  const needed = new Set([...graph.output.map(({ name }) => name), ...merges.flatMap(({ branches }) => branches)]);
  const kept = joined.toReversed().filter((node) => {
    const used = node.outputs.some((name) => needed.has(name));
    if (used) [...node.inputs, ...node.captured()].forEach((name) => needed.add(name));
    return used;
  });
  return kept.reverse();
}

const intAttribute = (name: string, value: number) =>
  create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });

/** What a `Gather` with one constant index takes, or a `Select`. */
function selection(evaluation: Evaluation, { op, domain, inputs, attributes }: OnnxNode): Selected | undefined {
  const [source, indices] = inputs as [string, string?];
  const shape = evaluation.shapes.get(source);
  if (shape === undefined) return undefined;
  const given = attributes.int('axis', 0);
  const axis = given < 0 ? given + shape.length : given;
  if (op === 'Select' && domain === OWN_DOMAIN) return { source, axis, index: attributes.int('index', 0) };
  if (op !== 'Gather' || evaluation.shapes.get(indices!)?.length !== 0) return undefined;
  const value = evaluation.constant(indices!);
  if (value === undefined) return undefined;
  const index = numbers(value)[0]!;
  return { source, axis, index: index < 0 ? index + shape[axis]! : index };
}

function selectFromPart(evaluation: Evaluation, node: OnnxNode): OnnxNode {
  const found = selection(evaluation, node);
  const concat = found && evaluation.nodes.find(({ outputs }) => outputs[0] === found.source);
  if (concat?.op !== 'Concat') return node;
  const rank = evaluation.shapes.get(found!.source)!.length;
  const along = concat.attributes.int('axis', 1);
  if ((along < 0 ? along + rank : along) !== found!.axis) return node;
  let index = found!.index;
  for (const part of concat.inputs) {
    const size = evaluation.shapes.get(part)![found!.axis]!;
    if (index < size) return own(node, 'Select', part, { axis: found!.axis, index });
    index -= size;
  }
  return node;
}

const own = (node: OnnxNode, op: string, input: string, settings: { readonly [name: string]: number }): OnnxNode => ({
  ...node,
  op,
  domain: OWN_DOMAIN,
  inputs: [input],
  attributes: new Attributes(Object.entries(settings).map(([name, value]) => intAttribute(name, value))),
});

function joinSelections(evaluation: Evaluation, nodes: readonly OnnxNode[], node: OnnxNode): OnnxNode {
  if (node.op !== 'Concat') return node;
  const parts = node.inputs.map((name) => {
    const maker = nodes.find(({ outputs }) => outputs[0] === name);
    return maker && selection(evaluation, maker);
  });
  const [first] = parts;
  if (first === undefined) return node;
  const whole = evaluation.shapes.get(first.source)!;
  const all =
    parts.length === whole[first.axis] &&
    parts.every((part, i) => part?.source === first.source && part.axis === first.axis && part.index === i);
  if (!all) return node;
  const given = node.attributes.int('axis', 1);
  const along = given < 0 ? given + whole.length - 1 : given;
  return own(node, 'Join', first.source, { axis: first.axis, along });
}
