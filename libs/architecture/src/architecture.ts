/** @file From the JSON of a network to its labelled axes. */
import { activationOf, describeActivation } from './activation.ts';
import { layerKindOf } from './layer-kinds.ts';
import type { LabelledParameter, SpaceRef } from './layers/layer-kind.ts';
import { ARCHITECTURE_SCHEMA, ArchitectureError } from './spec.ts';
import type { ActivationSpec, Architecture, ArchitectureSpec, LayerSpec, Space } from './spec.ts';

interface OpenSpace {
  readonly size: number;
  activation: ActivationSpec;
}

const fail = (at: string, problem: string): never => {
  throw new ArchitectureError('defineArchitecture', at, problem);
};

/**
 * Labels every axis of every parameter with the space of neurons that it indexes.
 *
 * Spaces are named `x` (the input), `h1`, `h2`, … in the order of their first layer, and `y` (the output).
 *
 * @throws {ArchitectureError} when the description isn't one of a network: names the layer
 */
export function defineArchitecture(spec: ArchitectureSpec): Architecture {
  if (spec.schema !== ARCHITECTURE_SCHEMA)
    fail('schema', `must be '${ARCHITECTURE_SCHEMA}', got ${JSON.stringify(spec.schema)}`);
  const spaces: OpenSpace[] = [];
  const parent: number[] = [];
  const root = (id: number): number => (parent[id] === id ? id : root(parent[id]!));
  const newSpace = (size: number, activation: ActivationSpec): SpaceRef => {
    activationOf(activation);
    parent.push(spaces.length);
    spaces.push({ size, activation });
    return { id: spaces.length - 1, size };
  };
  const values = new Map<string, SpaceRef>(
    spec.inputs.map(({ name, size }) => [name, newSpace(size, { kind: 'identity' })]),
  );
  const labelled: (LabelledParameter & { layer: string })[] = [];
  for (const layer of spec.layers) {
    if (values.has(layer.name)) fail(`layer '${layer.name}'`, 'must have a name of its own');
    const inputs = layer.inputs.map((name) => values.get(name) ?? unknownInput(layer, name, [...values.keys()]));
    const unify = (a: SpaceRef, b: SpaceRef) =>
      void (parent[Math.max(root(a.id), root(b.id))] = Math.min(root(a.id), root(b.id)));
    const { parameters, output } = layerKindOf(layer.kind).label({ layer, inputs, newSpace, unify });
    labelled.push(...parameters.map((p) => ({ ...p, layer: layer.name })));
    values.set(layer.name, output);
  }
  const output =
    values.get(spec.output) ??
    fail('output', `must name a layer, got '${spec.output}'; there are ${[...values.keys()].join(', ')}`);
  const fixed = new Set([...spec.inputs.map(({ name }) => root(values.get(name)!.id)), root(output.id)]);
  const names = nameSpaces(spaces, root, root(values.get(spec.inputs[0]!.name)!.id), root(output.id));
  const parameters = labelled.map(({ axes, ...rest }) => ({
    ...rest,
    axes: axes.map(({ id }) => names.get(root(id))!),
  }));
  return {
    spec,
    parameters,
    spaces: [...names].map(([id, name]): Space => ({
      name,
      size: spaces[id]!.size,
      free: !fixed.has(id),
      activation: spaces[id]!.activation,
    })),
    inputSpace: names.get(root(values.get(spec.inputs[0]!.name)!.id))!,
    outputSpace: names.get(root(output.id))!,
    signature: signatureOf(spec),
    parameterCount: parameters.reduce((sum, p) => sum + p.shape.reduce((n, size) => n * size, 1), 0),
  };
}

function unknownInput(layer: LayerSpec, name: string, known: readonly string[]): never {
  return fail(`layer '${layer.name}'`, `must take values that come before it (${known.join(', ')}), got '${name}'`);
}

function nameSpaces(
  spaces: readonly OpenSpace[],
  root: (id: number) => number,
  input: number,
  output: number,
): Map<number, string> {
  const names = new Map<number, string>();
  let hidden = 0;
  spaces.forEach((_, id) => {
    if (root(id) !== id) return;
    names.set(id, id === input ? 'x' : id === output ? 'y' : `h${++hidden}`);
  });
  return names;
}

/** Everything that decides shapes and function, and nothing else. */
function signatureOf({ inputs, layers, outputOffset }: ArchitectureSpec): string {
  const parts = layers.map(
    ({ kind, size, activation }) =>
      `${kind}${size === undefined ? '' : `:${String(size)}`}${activation ? `:${describeActivation(activation as ActivationSpec)}` : ''}`,
  );
  return [...inputs.map(({ size }) => size), ...parts, ...(outputOffset ? [`+${outputOffset}`] : [])].join('-');
}
