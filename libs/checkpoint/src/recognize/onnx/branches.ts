/** @file Graphs inside graphs: names that are unique in the whole model, and branches of `If` written out. */
import { create } from '@bufbuild/protobuf';
import { NodeProtoSchema } from 'onnx-buf';
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from 'onnx-buf';

const graphsOf = (attributes: readonly AttributeProto[]): GraphProto[] =>
  attributes.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...graphs]);

/** Renames, in place, what graphs inside the graph make and what the model has made elsewhere, so that a name means one value. */
export function makeNamesDistinct(graph: GraphProto): void {
  const seen = new Set(ownNames(graph));
  for (const node of graph.node) {
    for (const inner of graphsOf(node.attribute)) distinguish(inner, node.output[0] ?? node.name, seen, (name) => name);
  }
}

const ownNames = ({ input, initializer, node }: GraphProto): string[] => [
  ...[...input, ...initializer].map(({ name }) => name),
  ...node.flatMap(({ output }) => output.filter((name) => name !== '')),
];

function distinguish(graph: GraphProto, prefix: string, seen: Set<string>, outside: (name: string) => string): void {
  const renamed = new Map<string, string>();
  for (const name of ownNames(graph)) {
    let free = name;
    while (seen.has(free)) free = `${prefix}.${free}`;
    seen.add(free);
    renamed.set(name, free);
  }
  const nameOf = (name: string) => renamed.get(name) ?? outside(name);
  for (const value of [...graph.input, ...graph.initializer, ...graph.output]) value.name = nameOf(value.name);
  for (const node of graph.node) {
    node.input = node.input.map(nameOf);
    node.output = node.output.map(nameOf);
    for (const inner of graphsOf(node.attribute)) distinguish(inner, node.output[0] ?? prefix, seen, nameOf);
  }
}

/** Outputs of an `If` whose condition depends on the inputs, and what each branch gives for them. */
export interface Merge {
  readonly output: string;
  readonly branches: readonly [string, string];
}

/** Which branch to take: 'both' computes both, and the outputs are what the first gives. */
export type Choice = 'then' | 'else' | 'both';

/** Replaces, in place, one `If` of the graph by the nodes of its branches. @returns what 'both' has merged */
export function inlineBranch(graph: GraphProto, node: NodeProto, choice: Choice): Merge[] {
  const bodyOf = (name: string) => node.attribute.find((attribute) => attribute.name === `${name}_branch`)!.g!;
  const bodies = choice === 'both' ? [bodyOf('then'), bodyOf('else')] : [bodyOf(choice)];
  const passed = node.output.map((output, i) =>
    create(NodeProtoSchema, {
      opType: 'Identity',
      name: `${output}.taken`,
      input: [bodies[0]!.output[i]!.name],
      output: [output],
    }),
  );
  graph.initializer.push(...bodies.flatMap((body) => body.initializer));
  graph.node.splice(graph.node.indexOf(node), 1, ...bodies.flatMap((body) => body.node), ...passed);
  if (choice !== 'both') return [];
  return node.output.map((output, i) => ({
    output,
    branches: [bodies[0]!.output[i]!.name, bodies[1]!.output[i]!.name],
  }));
}

/** Every initializer and `Constant` of the graph and of graphs inside it, by its name or the node's output. */
export function* tensorsOf(graph: GraphProto): Generator<[name: string, tensor: TensorProto, constant: boolean]> {
  for (const tensor of graph.initializer) yield [tensor.name, tensor, false];
  for (const { opType, output, attribute } of graph.node) {
    const constant = opType === 'Constant' ? attribute.find(({ name }) => name === 'value')?.t : undefined;
    if (constant) yield [output[0]!, constant, true];
    for (const inner of graphsOf(attribute)) yield* tensorsOf(inner);
  }
}

/** Names that graphs inside the node take from outside. */
export function capturedBy(node: NodeProto): string[] {
  return graphsOf(node.attribute).flatMap((graph) => {
    const own = new Set(ownNames(graph));
    const read = [
      ...graph.node.flatMap((inner) => [...inner.input, ...capturedBy(inner)]),
      ...graph.output.map(({ name }) => name),
    ];
    return [...new Set(read.filter((name) => name !== '' && !own.has(name)))];
  });
}
