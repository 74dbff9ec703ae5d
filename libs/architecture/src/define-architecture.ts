import { createHash } from 'node:crypto';

import { sizeOf } from '@weightspace/compute';

import { activationKind, parseActivation } from './activations/activation.ts';
import './activations/activations.ts';
import { ArchitectureError } from './architecture-error.ts';
import { architectureSchema } from './architecture.ts';
import type { Architecture, ArchitectureSpec, ParameterSpec, Space, SpaceSymmetries, Value } from './architecture.ts';
import { finite, identifier, knownKeys, list, record, text, wholeNumber } from './checks.ts';
import './layers/index.ts';
import { layerKind } from './layers/layer-kind.ts';
import type { LayerDeclaration, LayerSpec } from './layers/layer-kind.ts';
import { UnionFind } from './union-find.ts';

const fn = 'defineArchitecture';

/**
 * Derives spaces, labelled parameters and symmetries from a description.
 *
 * @param json an `ArchitectureSpec`, e.g. from a file; a layer's `output` (its name), `activation` (identity) and the
 *   kind's own defaults may be absent, as may `outputOffset` (0)
 * @returns frozen; its `spec` has every default filled in
 * @throws {ArchitectureError} naming the place, what is expected there and what was found
 */
export function defineArchitecture(json: unknown): Architecture {
  const spec = parse(json);
  const values = new Map<string, Value>();
  const classes = new UnionFind();
  const put = (place: string, value: Value) => {
    if (values.has(value.name)) throw new ArchitectureError(fn, place, 'a name that no other value has', value.name);
    values.set(value.name, value);
    classes.add(value.name);
  };
  spec.inputs.forEach(({ name, size }, i) =>
    put(`inputs[${i}].name`, { name, size, space: name, activation: { kind: 'identity' }, layer: undefined }),
  );
  const declarations = spec.layers.map((layer, i) => {
    const place = `layers[${i}]`;
    layer.inputs.forEach((input, j) => known(values, `${place}.inputs[${j}]`, input));
    const sizes = layer.inputs.map((input) => values.get(input)!.size);
    const declaration = layerKind(layer.kind).declare(layer, sizes, place);
    const { name, output, activation } = layer;
    put(`${place}.output`, { name: output, size: declaration.size, space: output, activation, layer: name });
    declaration.unify.forEach(([a, b]) => classes.unite(a, b));
    return declaration;
  });
  known(values, 'output', spec.output);
  const labelled = [...values.values()].map((value) => ({ ...value, space: classes.find(value.name) }));
  const parameters = spec.layers.flatMap((layer, i) => label(layer, declarations[i]!, labelled));
  return freeze({
    spec,
    values: labelled,
    spaces: spacesOf(spec, labelled, parameters, declarations),
    parameters,
    signature: sign(spec, labelled),
    parameterCount: parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  });
}

function parse(json: unknown): ArchitectureSpec {
  const given = record('the architecture', json);
  if (given['schema'] !== architectureSchema) {
    const remedy = 'this version reads no other schema';
    throw new ArchitectureError(fn, 'schema', `"${architectureSchema}"`, given['schema'], remedy);
  }
  knownKeys('the architecture', given, ['schema', 'name', 'inputs', 'layers', 'output', 'outputOffset']);
  const layers = list('layers', given['layers']).map(parseLayer);
  layers.forEach(({ name }, i) => {
    if (layers.findIndex((other) => other.name === name) < i) {
      throw new ArchitectureError(fn, `layers[${i}].name`, 'a name that no other layer has', name);
    }
  });
  return {
    schema: architectureSchema,
    name: text('name', given['name']),
    inputs: list('inputs', given['inputs']).map((item, i) => {
      const input = record(`inputs[${i}]`, item);
      knownKeys(`inputs[${i}]`, input, ['name', 'size']);
      return {
        name: identifier(`inputs[${i}].name`, input['name']),
        size: wholeNumber(`inputs[${i}].size`, input['size']),
      };
    }),
    layers,
    output: identifier('output', given['output']),
    outputOffset: finite('outputOffset', given['outputOffset'] ?? 0),
  };
}

function parseLayer(item: unknown, i: number): LayerSpec {
  const place = `layers[${i}]`;
  const given = record(place, item);
  const kind = layerKind(text(`${place}.kind`, given['kind']), `${place}.kind`);
  const name = identifier(`${place}.name`, given['name']);
  const settings = kind.settings(given, place);
  knownKeys(place, given, ['name', 'kind', 'inputs', 'output', 'activation', ...Object.keys(settings)]);
  return {
    name,
    kind: kind.kind,
    inputs: list(`${place}.inputs`, given['inputs']).map((input, j) => identifier(`${place}.inputs[${j}]`, input)),
    output: identifier(`${place}.output`, given['output'] ?? name),
    ...settings,
    activation: parseActivation(given['activation'] ?? 'identity', `${place}.activation`),
  };
}

function known(values: ReadonlyMap<string, Value>, place: string, name: string): void {
  if (values.has(name)) return;
  const expected = `the name of an input or of an earlier layer's output (${[...values.keys()].join(', ')})`;
  throw new ArchitectureError(fn, place, expected, name);
}

function label(layer: LayerSpec, declaration: LayerDeclaration, values: readonly Value[]): ParameterSpec[] {
  const valueOf = (name: string) => values.find((value) => value.name === name)!;
  return declaration.parameters.map(({ name, kind, axes, fan, start }) => ({
    name: `${layer.name}.${name}`,
    layer: layer.name,
    kind,
    shape: axes.map((axis) => valueOf(axis.value).size),
    axes: axes.map((axis) => valueOf(axis.value).space),
    roles: axes.map((axis) => axis.role),
    fan,
    start,
  }));
}

function spacesOf(
  spec: ArchitectureSpec,
  values: readonly Value[],
  parameters: readonly ParameterSpec[],
  declarations: readonly LayerDeclaration[],
): Space[] {
  const fixed = new Set([...spec.inputs.map(({ name }) => name), spec.output]);
  return [...new Set(values.map(({ space }) => space))].map((name) => {
    const members = values.filter(({ space }) => space === name);
    const free = !members.some((member) => fixed.has(member.name));
    const activation = (members.find((member) => member.activation.kind !== 'identity') ?? members[0]!).activation;
    const none = { sign: false, scale: false, phase: undefined };
    const symmetries = free ? symmetriesOf(spec, members, parameters, declarations) : none;
    return { name, size: members[0]!.size, free, activation, symmetries };
  });
}

/** A symmetry of a free space is one of every activation in it, which no layer that reads it breaks. */
function symmetriesOf(
  spec: ArchitectureSpec,
  members: readonly Value[],
  parameters: readonly ParameterSpec[],
  declarations: readonly LayerDeclaration[],
): SpaceSymmetries {
  const reads = (layer: LayerSpec) => layer.inputs.some((input) => members.some(({ name }) => name === input));
  const broken = new Set(spec.layers.flatMap((layer, i) => (reads(layer) ? (declarations[i]!.breaks ?? []) : [])));
  const kinds = members.map(({ activation }) => activationKind(activation.kind));
  const { space, layer, activation } = members[0]!;
  const bias = parameters.some((p) => p.layer === layer && p.kind === 'bias' && p.axes[0] === space);
  // Where several layers write the space, each could be shifted by its own k as long as their signs agree; that isn't used.
  const shiftable = members.length === 1 && bias && !broken.has('phase');
  return {
    sign: kinds.every(({ odd }) => odd) && !broken.has('sign'),
    scale: kinds.every(({ homogeneous }) => homogeneous) && !broken.has('scale'),
    phase: shiftable ? kinds[0]!.halfPeriod?.(activation) : undefined,
  };
}

function sign(spec: ArchitectureSpec, values: readonly Value[]): string {
  const { name: _, ...rest } = spec;
  const hash = createHash('sha256').update(JSON.stringify(rest)).digest('hex').slice(0, 16);
  return `${values.map(({ size }) => size).join('-')}:${hash}`;
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(freeze);
  return Object.freeze(value);
}
