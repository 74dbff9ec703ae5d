import { createHash } from 'node:crypto';

import { sizeOf } from '@weightspace/compute';

import type { ActivationSpec } from './activations/activation.ts';
import { ArchitectureError } from './architecture-error.ts';
import type { Architecture, ArchitectureSpec, Value } from './architecture.ts';
import type { Label } from './labels/label.ts';
import { LabelSolver } from './labels/label-solver.ts';
import type { ParameterSpec } from './labels/labelled-network.ts';
import { layerKind } from './layers/layer-kind.ts';
import type { LayerDeclaration, LayerInput, LayerSpec, ParameterDeclaration } from './layers/layer-kind.ts';
import { parseSpec } from './parse-spec.ts';
import { spacesOf } from './space-symmetries.ts';
import { shareTied } from './tied.ts';

const fn = 'defineArchitecture';

/** A value while spaces are being found. */
interface Draft extends LayerInput {
  readonly activation: ActivationSpec;
  readonly layer: string | undefined;
}

/** A parameter of its own, by its full name. */
export interface OwnParameter {
  readonly name: string;
  readonly layer: string;
  readonly declaration: ParameterDeclaration;
}

/**
 * Derives spaces, labelled parameters and symmetries from a description.
 *
 * @param json an `ArchitectureSpec`, e.g. from a file; a layer's `output` (its name), `activation` (identity) and the
 *   kind's own defaults may be absent, as may `outputOffset` (0)
 * @returns frozen; its `spec` has every default filled in
 * @throws {ArchitectureError} naming the place, what is expected there and what was found
 */
export function defineArchitecture(json: unknown): Architecture {
  const spec = parseSpec(json);
  const labels = new LabelSolver();
  const values = new Map<string, Draft>();
  const put = (place: string, value: Draft) => {
    if (values.has(value.name)) throw new ArchitectureError(fn, place, 'a name that no other value has', value.name);
    values.set(value.name, value);
  };
  spec.inputs.forEach(({ name, size, positions = [], indices }, i) => {
    const label = labels.space({ name, size, free: false });
    const activation = { kind: 'identity' } as const;
    put(`inputs[${i}].name`, { name, size, positions, label, indices, activation, layer: undefined });
  });
  const declarations = spec.layers.map((layer, i) => {
    const place = `layers[${i}]`;
    layer.inputs.forEach((input, j) => known(values, `${place}.inputs[${j}]`, input));
    const inputs = layer.inputs.map((input) => values.get(input)!);
    const declaration = layerKind(layer.kind).declare(layer, { inputs, labels, place });
    put(`${place}.output`, written(layer, inputs, declaration, labels));
    return declaration;
  });
  known(values, 'output', spec.output);
  labels.freeze(values.get(spec.output)!.label);
  const { own, scaleless } = shareTied(spec, declarations, labels);
  return assemble(spec, labels, [...values.values()], declarations, own, scaleless);
}

function known(values: ReadonlyMap<string, Draft>, place: string, name: string): void {
  if (values.has(name)) return;
  const expected = `the name of an input or of an earlier layer's output (${[...values.keys()].join(', ')})`;
  throw new ArchitectureError(fn, place, expected, name);
}

function written(
  { name: layer, output: name, activation }: LayerSpec,
  inputs: readonly LayerInput[],
  { label, positions = inputs[0]!.positions }: LayerDeclaration,
  labels: LabelSolver,
): Draft {
  return { name, size: labels.sizeOf(label), positions, label, indices: undefined, activation, layer };
}

function assemble(
  spec: ArchitectureSpec,
  labels: LabelSolver,
  drafts: readonly Draft[],
  declarations: readonly LayerDeclaration[],
  own: readonly OwnParameter[],
  scaleless: readonly Label[],
): Architecture {
  for (const { name, label } of drafts) labels.register(`value ${name}`, [label], [name]);
  for (const { name, declaration } of own) {
    labels.register(
      `parameter ${name}`,
      declaration.axes.map((axis) => axis.label),
      declaration.axes.map(({ role }, i) => `${name}.${role}${role === 'index' ? i : ''}`),
    );
  }
  scaleless.forEach((label, i) => labels.register(`scaleless ${i}`, [label]));
  const finished = labels.finish();
  const axesOf = (key: string) => finished.axes.get(key)!;
  const values = drafts.map(({ name, size, positions, activation, layer }): Value => {
    return { name, space: axesOf(`value ${name}`)[0]!, size, positions, activation, layer };
  });
  const parameters = own.map((parameter) => specOf(parameter, axesOf(`parameter ${parameter.name}`), labels));
  const fixedScale = scaleless.map((_, i) => axesOf(`scaleless ${i}`)[0]!);
  return freeze({
    spec,
    name: spec.name,
    values,
    spaces: spacesOf(finished, { layers: spec.layers, declarations, values, parameters, fixedScale }),
    composites: finished.composites,
    parameters,
    signature: sign(spec, values),
    parameterCount: parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  });
}

function specOf(
  { name, layer, declaration: { kind, axes, fan, start } }: OwnParameter,
  names: readonly string[],
  labels: LabelSolver,
): ParameterSpec {
  const shape = axes.map(({ label }) => labels.sizeOf(label));
  return { name, layer, kind, shape, axes: names, roles: axes.map(({ role }) => role), fan, start };
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
